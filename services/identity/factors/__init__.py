"""What a person proves with beside the password: codes of an app, passkeys, and recovery codes where both are lost."""
