"""What each service's HTTP has in common: problems, idempotency, paging, authentication, readiness, pages."""
