//! Whether the house is tidy. This crate has tests only.
