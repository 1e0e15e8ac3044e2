"""What either authority answers: who calls, sites and addresses, tag types and roles, sessions, events, peers."""
