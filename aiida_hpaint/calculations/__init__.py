"""What runs: the bodies of PythonJobs (no AiiDA in them) and the calcfunctions of the workflows."""
