//! An account with its packs: everything that is done to the one is done to the other, and noted for the ledger.

use std::collections::BTreeSet;

use jiff::Timestamp;
use vouch_core::id::PackId;

use super::account::{Account, AccountState};
use super::ledger::{Booking, Cause, Movement};
use super::pack::{Pack, Share};
use super::rollover::{self, Anniversary};

/// A movement would take a balance below zero: a fault of whoever asked for it.
#[derive(Debug, thiserror::Error)]
#[error("a movement would take a balance of incidents below zero")]
pub struct BelowZero;

/// An account with those of its packs that have units left, and those that are met on the way.
///
/// Invariant: the units left in all packs of an account are what it has available.
#[derive(Debug, Clone)]
pub struct Purse {
    began: AccountState,
    state: AccountState,
    packs: Vec<Pack>,
    added: BTreeSet<PackId>,
    changed: BTreeSet<PackId>,
    bookings: Vec<Booking>,
}

/// What time does to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    // Ordering: at one instant a pack ends before the year does, so that what has expired is not rolled over.
    Expiry(PackId),
    Anniversary,
}

impl Purse {
    /// An account with its packs.
    pub fn new(state: AccountState, packs: Vec<Pack>) -> Self {
        Self {
            began: state.clone(),
            state,
            packs,
            added: BTreeSet::new(),
            changed: BTreeSet::new(),
            bookings: Vec::new(),
        }
    }

    /// The account as it is now.
    pub fn state(&self) -> &AccountState {
        &self.state
    }

    /// Whether it has to be written.
    pub fn is_changed(&self) -> bool {
        self.state != self.began
    }

    /// Whether checks have to hear of it: they know whether an incident is left, and only the first and the last one
    /// are news.
    pub fn is_news(&self) -> bool {
        (self.began.balance.available > 0) != (self.state.balance.available > 0)
    }

    /// The balances as they are now.
    pub fn balance(&self) -> Account {
        self.state.balance
    }

    /// The packs as they are now.
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// A pack as it is now, if it was met.
    pub fn pack(&self, id: PackId) -> Option<&Pack> {
        self.packs.iter().find(|pack| pack.id == id)
    }

    /// The packs of these shares that were not met yet.
    pub fn unmet(&self, shares: &[Share]) -> BTreeSet<PackId> {
        shares.iter().map(|share| share.pack).filter(|id| self.pack(*id).is_none()).collect()
    }

    /// Meets a pack that has nothing left.
    pub fn meet(&mut self, pack: Pack) {
        self.packs.push(pack);
    }

    /// The packs that came in.
    pub fn added(&self) -> impl Iterator<Item = &Pack> {
        self.packs.iter().filter(|pack| self.added.contains(&pack.id))
    }

    /// The packs that were there and have another number of units left.
    pub fn changed(&self) -> impl Iterator<Item = &Pack> {
        self.packs.iter().filter(|pack| self.changed.contains(&pack.id) && !self.added.contains(&pack.id))
    }

    /// What is to be booked.
    pub fn bookings(&self) -> &[Booking] {
        &self.bookings
    }

    /// Does what time has to do up to an instant, in its order: packs end, anniversaries pass, as many as were missed.
    /// Doing it again does nothing.
    ///
    /// Invariant: every change of an account does this first. Between two changes only time passes, so that doing it
    /// late comes to the same.
    pub fn apply_due(&mut self, now: Timestamp) -> Result<(), BelowZero> {
        while let Some((at, due)) = self.next_due().filter(|(at, _)| *at <= now) {
            match due {
                Due::Expiry(id) => self.expire(id)?,
                Due::Anniversary => self.pass_anniversary(at)?,
            }
        }
        self.state.due_at = self.next_due().map(|(at, _)| at);
        Ok(())
    }

    /// Takes a pack in. The first one begins the account's years.
    pub fn grant(&mut self, pack: Pack) -> Result<(), BelowZero> {
        let share = Share { pack: pack.id, units: pack.units };
        let cause = Cause { reference: pack.order_reference.clone(), ..Cause::default() };
        self.state.anniversary.get_or_insert_with(|| Anniversary {
            first_granted_at: pack.granted_at,
            zone: pack.zone.clone(),
            passed: 0,
        });
        self.add(pack);
        self.put(&[share])?;
        self.book(Movement::Grant, vec![share], 0, cause)
    }

    /// Takes in an empty pack, for units that come back and have no other.
    pub fn add(&mut self, pack: Pack) {
        self.added.insert(pack.id);
        self.packs.push(Pack { units_left: 0, ..pack });
    }

    /// Spends units of the packs whose turn it is.
    pub fn spend(&mut self, units: u32, movement: Movement, cause: Cause) -> Result<Vec<Share>, BelowZero> {
        let mut open: Vec<&mut Pack> = self.packs.iter_mut().filter(|pack| pack.units_left > 0).collect();
        open.sort_by_key(|pack| pack.precedence());
        let (mut missing, mut shares) = (units, Vec::new());
        for pack in open {
            let taken = missing.min(pack.units_left);
            if taken > 0 {
                pack.units_left -= taken;
                missing -= taken;
                shares.push(Share { pack: pack.id, units: taken });
            }
        }
        if missing > 0 {
            return Err(BelowZero);
        }
        self.changed.extend(shares.iter().map(|share| share.pack));
        self.book(movement, shares.clone(), 0, cause)?;
        Ok(shares)
    }

    /// Spends units of one pack.
    pub fn spend_of(&mut self, share: Share, movement: Movement, cause: Cause) -> Result<(), BelowZero> {
        let pack = self.packs.iter_mut().find(|pack| pack.id == share.pack).ok_or(BelowZero)?;
        pack.units_left = pack.units_left.checked_sub(share.units).ok_or(BelowZero)?;
        self.changed.insert(share.pack);
        self.book(movement, vec![share], 0, cause)
    }

    /// Gives units back to their packs. To a pack that has ended meanwhile they come back expired.
    pub fn give_back(
        &mut self,
        shares: Vec<Share>,
        movement: Movement,
        cause: Cause,
        now: Timestamp,
    ) -> Result<(), BelowZero> {
        self.put(&shares)?;
        self.book(movement, shares.clone(), 0, cause)?;
        for share in shares {
            if self.pack(share.pack).is_some_and(|pack| pack.has_ended(now) && pack.units_left > 0) {
                self.expire(share.pack)?;
            }
        }
        Ok(())
    }

    /// Moves units that no pack gains or loses. Of none, nothing is booked.
    pub fn book(
        &mut self,
        movement: Movement,
        shares: Vec<Share>,
        unpacked: u32,
        cause: Cause,
    ) -> Result<(), BelowZero> {
        let booking = Booking { movement, shares, unpacked, cause };
        if booking.units() == 0 {
            return Ok(());
        }
        self.state.balance = self.state.balance.after(movement, booking.units()).ok_or(BelowZero)?;
        self.bookings.push(booking);
        self.state.due_at = self.next_due().map(|(at, _)| at);
        Ok(())
    }

    fn put(&mut self, shares: &[Share]) -> Result<(), BelowZero> {
        for share in shares {
            let pack = self.packs.iter_mut().find(|pack| pack.id == share.pack).ok_or(BelowZero)?;
            pack.units_left += share.units;
            self.changed.insert(share.pack);
        }
        Ok(())
    }

    fn expire(&mut self, id: PackId) -> Result<(), BelowZero> {
        let pack = self.pack(id).ok_or(BelowZero)?;
        let cause = Cause { reference: pack.order_reference.clone(), ..Cause::default() };
        let share = Share { pack: id, units: pack.units_left };
        self.spend_of(share, Movement::Expire, cause)
    }

    fn pass_anniversary(&mut self, at: Timestamp) -> Result<(), BelowZero> {
        let shares = rollover::lapsing(&self.packs, at);
        for share in &shares {
            let pack = self.packs.iter_mut().find(|pack| pack.id == share.pack).ok_or(BelowZero)?;
            pack.units_left -= share.units;
            self.changed.insert(share.pack);
        }
        let mut cause = Cause::default();
        if let Some(anniversary) = &mut self.state.anniversary {
            cause.reference = anniversary.next_on().to_string();
            anniversary.passed += 1;
        }
        self.book(Movement::NotRolledOver, shares, 0, cause)
    }

    fn next_due(&self) -> Option<(Timestamp, Due)> {
        let open = self.packs.iter().filter(|pack| pack.units_left > 0);
        let expiries = open.filter_map(|pack| Some((pack.expires_at()?, Due::Expiry(pack.id))));
        let anniversary = self.state.anniversary.as_ref().map(|one| (one.next_at(), Due::Anniversary));
        expiries.chain(anniversary).min()
    }
}
