//! What a profile says of a bundle: what the bundle lacks, and which known problems are in it.

use serde_json::{Value, json};
use vouch_core::World;
use vouch_diagnostics::analyzers::{Finding, Verdict, analyze};
use vouch_diagnostics::profile::{Lack, Profile, Situation};
use vouch_diagnostics::sealed::SealedBundle;

use crate::lacking;
use crate::output::{self, Problem};

/// So many places are told of one finding.
const MAX_TOLD: usize = 3;

/// What a profile says of a bundle.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    lacks: Vec<Lack>,
    findings: Vec<Finding>,
}

impl Judgement {
    /// Looks into a sealed bundle, which is redacted, without a network.
    pub(crate) fn of(
        profile: &Profile,
        bundle: &SealedBundle,
        situation: &Situation<'_>,
        world: &World,
    ) -> Result<Self, Problem> {
        let findings = analyze(bundle, &profile.analyzers)
            .map_err(|error| Problem::new(format!("the bundle cannot be read again: {error}")))?;
        Ok(Self { lacks: profile.lacks(bundle.manifest(), situation, world.now()), findings })
    }

    /// Tells it to a person. What is not there is only counted.
    pub(crate) fn tell(&self) {
        for lack in &self.lacks {
            output::field("lacks", &lacking(lack));
        }
        if self.findings.is_empty() {
            return;
        }
        output::line("");
        output::heading("Known problems");
        let mut absent = 0;
        let (mut untold, mut lacking) = (Vec::new(), Vec::new());
        for finding in &self.findings {
            match &finding.verdict {
                Verdict::Match(seen) => {
                    output::warning(&finding.analyzer, &format!("{}: {}", finding.issue, finding.title));
                    for seen in seen.iter().take(MAX_TOLD) {
                        let line = seen.line.map(|line| format!(" line {line}")).unwrap_or_default();
                        output::field("", &format!("{}{line}: {}", seen.path, seen.fact));
                    }
                    output::field("", &format!("what to do: {}", finding.article));
                }
                Verdict::NoMatch => absent += 1,
                Verdict::Inconclusive(missing) => {
                    untold.push(finding.issue.clone());
                    lacking.extend(missing.iter().map(|lack| (lack.collector.clone(), lack.reason.clone())));
                }
            }
        }
        if !untold.is_empty() {
            output::field("cannot be told", &lacking::untold(&untold, self.findings.len(), lacking));
        }
        output::field("", &format!("{absent} of {} are not there", self.findings.len()));
    }

    /// What is lacking, for machines.
    pub(crate) fn lacks(&self) -> Value {
        let lack = |lack: &Lack| {
            let (artefact, is_stale) = match lack {
                Lack::Artefact { artefact, .. } => (artefact, false),
                Lack::Stale { artefact, .. } => (artefact, true),
            };
            json!({ "artefact": artefact, "stale": is_stale, "reason": lacking(lack) })
        };
        self.lacks.iter().map(lack).collect()
    }

    /// Every finding, for machines.
    pub(crate) fn findings(&self) -> Value {
        json!(self.findings)
    }
}

fn lacking(lack: &Lack) -> String {
    match lack {
        Lack::Artefact { artefact, reasons } if reasons.is_empty() => format!("{artefact}, which a case needs"),
        Lack::Artefact { artefact, reasons } => format!("{artefact}, which a case needs: {}", reasons.join("; ")),
        Lack::Stale { artefact, fresh_within } => {
            format!("a fresh {artefact}: a case needs one of the last {} minutes", fresh_within.as_secs() / 60)
        }
    }
}
