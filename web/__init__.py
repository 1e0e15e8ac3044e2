"""An authority's pages for people, made of the other services' answers."""
