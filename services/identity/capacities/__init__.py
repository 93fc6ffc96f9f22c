"""As what one acts at an application: in one's own name, at a post, for somebody else; and the page to pick it on."""
