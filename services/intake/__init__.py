"""Intake: service items, uploaded files, and cases from application to completion."""
