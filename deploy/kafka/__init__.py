"""The one declaration of topics and rights on the broker, and what makes them true."""
