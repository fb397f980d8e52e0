//! The demo's web application.
fn main() {}
