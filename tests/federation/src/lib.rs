//! The services together: tests that no single service can have. `tests/federation` runs the vendor service beside the licence
//! service whose registry it follows. The three programs as an operator runs them are tested with `vouch` itself.
