"""Cases: from application to completion."""
