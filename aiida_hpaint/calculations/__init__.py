"""Functions of PythonJobs, which do not import AiiDA, and calcfunctions of the workflows."""
