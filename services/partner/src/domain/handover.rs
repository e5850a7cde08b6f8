//! Sending a ticket to the vendor: what follows from what was heard. Answers in, next steps out, so that any order of losses can
//! be played through without a socket.

use vouch_core::Reason;

/// What a sending does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Hand the bundle over to the vendor.
    TransferBundle,
    /// Have the licence service issue a proof: of a ticket that was charged, one that rests on its charge.
    MintProof,
    /// Have it issue one that rests on no charge, and sets an incident of its own aside.
    MintProofAnew,
    /// Knock at the gate.
    Escalate,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// It is done.
    Done,
    /// It was refused, for these reasons.
    Refused(Vec<Reason>),
    /// No answer, or one that says "later".
    Later,
}

/// How a sending goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// With this step.
    Do(Step),
    /// It is over: there is a case.
    Accepted,
    /// It is over: refused, with what was heard last.
    Refused,
    /// Not now: the outbox tries again from the beginning.
    Later,
}

/// A sending of one escalation. Each attempt of the outbox begins a new one: every step is safe to repeat.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Handover {
    minted: u8,
}

/// How often a proof is minted anew within one sending.
const MINT_AT_MOST: u8 = 3;

impl Handover {
    /// The first step.
    pub fn begin() -> (Self, Step) {
        (Self::default(), Step::TransferBundle)
    }

    /// What follows from what came of a step.
    pub fn after(&mut self, step: Step, heard: &Heard) -> Next {
        match (step, heard) {
            (_, Heard::Later) => Next::Later,
            (Step::TransferBundle, Heard::Done) => self.mint(),
            (Step::MintProof | Step::MintProofAnew, Heard::Done) => Next::Do(Step::Escalate),
            // The charge was reversed, or carried an escalation that was withdrawn.
            (Step::MintProof, Heard::Refused(reasons)) if reasons.as_slice() == [Reason::ChargeNotApplicable] => {
                Next::Do(Step::MintProofAnew)
            }
            (Step::Escalate, Heard::Done) => Next::Accepted,
            // A proof that ran out on its way, or was used by an attempt whose answer was lost, is minted again.
            (Step::Escalate, Heard::Refused(reasons))
                if !reasons.is_empty() && reasons.iter().copied().all(is_renewable) =>
            {
                self.mint()
            }
            (Step::TransferBundle | Step::MintProof | Step::MintProofAnew | Step::Escalate, Heard::Refused(_)) => {
                Next::Refused
            }
        }
    }

    fn mint(&mut self) -> Next {
        self.minted += 1;
        if self.minted > MINT_AT_MOST { Next::Later } else { Next::Do(Step::MintProof) }
    }
}

fn is_renewable(reason: Reason) -> bool {
    matches!(reason, Reason::ProofExpired | Reason::ProofUsed | Reason::ProofHolderMismatch)
}

/// Whether an answer is final, by its gRPC code: what may be different the next time is not.
pub fn is_final(code: i32) -> bool {
    // INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED. Everything else (no answer,
    // no time, no room, no access while certificates rotate) passes.
    matches!(code, 3 | 5 | 6 | 9 | 11 | 12)
}

#[cfg(test)]
mod tests {
    //! Proves H04, V04.

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hand_over_transfers_proves_and_escalates() {
        let (mut handover, first) = Handover::begin();
        assert_eq!(first, Step::TransferBundle);
        assert_eq!(handover.after(first, &Heard::Done), Next::Do(Step::MintProof));
        assert_eq!(handover.after(Step::MintProof, &Heard::Done), Next::Do(Step::Escalate));
        assert_eq!(handover.after(Step::Escalate, &Heard::Done), Next::Accepted);
    }

    #[test]
    fn a_proof_that_ran_out_is_minted_again_and_not_for_ever() {
        let (mut handover, first) = Handover::begin();
        handover.after(first, &Heard::Done);
        let expired = Heard::Refused(vec![Reason::ProofExpired]);
        assert_eq!(handover.after(Step::Escalate, &expired), Next::Do(Step::MintProof));
        assert_eq!(handover.after(Step::Escalate, &expired), Next::Do(Step::MintProof));
        assert_eq!(handover.after(Step::Escalate, &expired), Next::Later);
        let more = Heard::Refused(vec![Reason::ProofExpired, Reason::ArtefactMissing]);
        assert_eq!(handover.after(Step::Escalate, &more), Next::Refused, "a proof alone would not help");
    }

    #[test]
    fn h04_a_charge_that_carries_no_escalation_is_done_without() {
        let (mut handover, first) = Handover::begin();
        assert_eq!(handover.after(first, &Heard::Done), Next::Do(Step::MintProof));
        let refused = Heard::Refused(vec![Reason::ChargeNotApplicable]);
        assert_eq!(handover.after(Step::MintProof, &refused), Next::Do(Step::MintProofAnew));
        assert_eq!(handover.after(Step::MintProofAnew, &refused), Next::Refused);
        assert_eq!(handover.after(Step::MintProofAnew, &Heard::Done), Next::Do(Step::Escalate));
    }

    /// A vendor as the contract promises it: one escalation id, one case.
    #[derive(Default)]
    struct Model {
        bundle: bool,
        cases: u32,
        proofs: u32,
    }

    impl Model {
        fn hear(&mut self, step: Step) -> Heard {
            match step {
                Step::TransferBundle => self.bundle = true,
                Step::MintProof | Step::MintProofAnew => self.proofs += 1,
                Step::Escalate if self.bundle && self.proofs > 0 => self.cases = 1,
                Step::Escalate => return Heard::Refused(vec![Reason::ProofMissing]),
            }
            Heard::Done
        }
    }

    proptest! {
        /// Requests and answers are lost at any point, and the process dies at any point: there is one case in the end.
        #[test]
        fn v04_whatever_is_lost_there_is_one_case_in_the_end(losses in prop::collection::vec(0_u8..4, 0..200)) {
            let mut model = Model::default();
            let mut losses = losses.into_iter();
            let mut ended = false;
            for _attempt in 0..300 {
                let (mut handover, mut step) = Handover::begin();
                loop {
                    let heard = match losses.next().unwrap_or(0) {
                        // The request is lost.
                        1 => Heard::Later,
                        // The answer is lost.
                        2 => {
                            model.hear(step);
                            Heard::Later
                        }
                        // The process dies after the answer: nothing of it is kept.
                        3 => {
                            model.hear(step);
                            break;
                        }
                        _ => model.hear(step),
                    };
                    match handover.after(step, &heard) {
                        Next::Do(next) => step = next,
                        Next::Accepted => {
                            ended = true;
                            break;
                        }
                        Next::Refused => prop_assert!(false, "nothing was refused"),
                        Next::Later => break,
                    }
                }
                if ended {
                    break;
                }
            }
            prop_assert!(ended);
            prop_assert_eq!(model.cases, 1);
        }
    }
}
