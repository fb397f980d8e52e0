//! Edits of YAML files.
