//! Analyzers over a sealed bundle.

use std::io;

use super::{Analysis, Analyzer, Finding};
use crate::sealed::SealedBundle;

/// Runs analyzers over a sealed bundle. Only the entries that they want to see are read.
pub fn analyze(bundle: &SealedBundle, analyzers: &[Analyzer]) -> io::Result<Vec<Finding>> {
    let mut analysis = Analysis::new(analyzers);
    for entry in &bundle.manifest().entries {
        if let Some(reason) = &entry.failed {
            analysis.failed(&entry.collector, &entry.path, reason);
        } else if analysis.wants(&entry.collector, &entry.path) {
            match bundle.content(entry) {
                Some(mut content) => analysis.read(&entry.collector, &entry.path, &mut content)?,
                // An empty entry has none.
                None => analysis.read(&entry.collector, &entry.path, &mut io::empty())?,
            }
        }
    }
    Ok(analysis.findings())
}
