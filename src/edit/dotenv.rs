//! Env files as Compose reads them.
