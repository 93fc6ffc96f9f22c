"""Templates: what the mails say, in Chinese and English."""
