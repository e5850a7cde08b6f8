//! What tickets cost: bringing the licence service in line with what the front line wants to become of their incidents.

use prost::Message;
use tonic::Status;
use vouch_contract::pb::common::v1 as common;
use vouch_contract::pb::license::v1 as pb;
use vouch_core::id::{self, HoldId};

use crate::domain::ticket::{ChargeState, ChargeStep, ChargeTold};
use crate::links::{findings, within};
use crate::sender::{Outcome, Sending, is_over};

/// How many steps there are at most: set aside, then spent or given back.
const STEPS: usize = 2;

/// Does at the licence service what is missing there. Every step is safe to repeat, so that an attempt begins from the beginning.
pub(crate) async fn bring_in_line(sending: &Sending<'_>) -> Outcome {
    let Some(mut charge) = sending.ticket.charge.clone() else { return Outcome::Taken };
    for _ in 0..STEPS {
        let Some(step) = charge.next() else { break };
        match take_step(sending, step).await {
            Ok(told) => charge.hear(told),
            Err(status) if is_over(&status) => charge.hear(ChargeTold::Refused(refusal(findings(&status)))),
            Err(status) => return Outcome::Later(status),
        }
    }
    Outcome::Settled(Box::new(charge))
}

async fn take_step(sending: &Sending<'_>, step: ChargeStep) -> Result<ChargeTold, Status> {
    match step {
        ChargeStep::Reserve => reserve(sending).await,
        ChargeStep::Capture(hold_id) => settle(sending, hold_id, pb::Settlement::Capture).await,
        ChargeStep::Release(hold_id) => settle(sending, hold_id, pb::Settlement::Release).await,
    }
}

/// The licence service says who pays, and whether anybody does.
async fn reserve(sending: &Sending<'_>) -> Result<ChargeTold, Status> {
    let answer = sending.link.check(&sending.ticket, sending.license_id, 0).await?;
    let Some(cover) = answer.cover else { return Ok(ChargeTold::Refused(refusal(answer.findings))) };
    if cover.charging() == pb::Charging::Included {
        return Ok(ChargeTold::NotCharged);
    }
    let request = pb::ReserveIncidentsRequest {
        request_id: sending.entry.id.to_string(),
        end_user_id: cover.end_user_id,
        reference: sending.ticket.id.to_string(),
        purpose: pb::ChargePurpose::TechnicalSupport.into(),
        ..pb::ReserveIncidentsRequest::default()
    };
    let answer = within(sending.link.incidents().reserve_incidents(request)).await?;
    stands(answer.reservation.unwrap_or_default())
}

async fn settle(sending: &Sending<'_>, hold_id: HoldId, settlement: pb::Settlement) -> Result<ChargeTold, Status> {
    let request = pb::SettleReservationRequest {
        request_id: sending.entry.id.to_string(),
        hold_id: hold_id.to_string(),
        settlement: settlement.into(),
        appointment_minutes: 0,
    };
    let answer = within(sending.link.incidents().settle_reservation(request)).await?;
    stands(answer.reservation.unwrap_or_default())
}

fn stands(reservation: pb::IncidentReservation) -> Result<ChargeTold, Status> {
    let wrong = || Status::unavailable("the licence service told of a reservation that makes no sense");
    let state = match reservation.state() {
        pb::HoldState::Reserved => ChargeState::Reserved,
        pb::HoldState::Captured => ChargeState::Captured,
        pb::HoldState::Released => ChargeState::Released,
        pb::HoldState::Unspecified => return Err(wrong()),
    };
    let hold_id = id::parse(&reservation.hold_id).map_err(|_| wrong())?;
    // What is owed is charged as well.
    let units = u32::try_from(reservation.units.saturating_add(reservation.owed)).map_err(|_| wrong())?;
    Ok(ChargeTold::Stands { hold_id, state, units })
}

/// Why nothing was set aside, as the ticket keeps it: with who cures it, and how.
fn refusal(mut findings: Vec<common::Finding>) -> Vec<u8> {
    for finding in findings.iter_mut().filter(|finding| finding.reason() == common::Reason::IncidentsExhausted) {
        finding.set_cure_by(common::CureBy::EndUser);
        finding.remedy = "Buy a pack of incidents, and have the ticket turned over again.".into();
    }
    common::Findings { findings }.encode_to_vec()
}
