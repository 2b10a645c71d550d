"""The main job, shown: package, provision, ask, kill, resume, measure."""
