"""Data resources: what each department offers to share, under which class and conditions."""
