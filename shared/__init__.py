"""What every service shares: the published language, messaging, the store seam, the web kit."""
