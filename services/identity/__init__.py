"""Who there is: divisions, departments with their duties, people, officers, programs; sign-in and access tokens."""
