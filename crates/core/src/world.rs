//! The clock and the randomness that a decision may use, as parameters.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use type_safe_id::{StaticType, TypeSafeId};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// Gives randomness fit for keys and ids.
pub trait Entropy: Send + Sync {
    /// Fills the buffer with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// What a decision may take from outside itself.
#[derive(Clone)]
pub struct World {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl World {
    /// A world with the given clock and entropy.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy }
    }

    /// The real one: the system's clock and the operating system's randomness.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemEntropy))
    }

    /// The present instant, cut to the microsecond: what both databases keep.
    pub fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// Fresh random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A fresh id, ordered by time (UUID version 7 inside).
    pub fn id<T: StaticType>(&self) -> TypeSafeId<T> {
        let millis = u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0);
        TypeSafeId::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &self.random::<10>()).into_uuid())
    }
}

/// The system's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The operating system's randomness.
#[derive(Debug, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        // A process that cannot get randomness must not go on to make keys from zeros.
        #[expect(clippy::expect_used, reason = "there is no safe way to go on without randomness")]
        aws_lc_rs::rand::fill(buffer).expect("the operating system gives randomness");
    }
}

/// A world that tests hold in their hands.
#[cfg(any(test, feature = "testing"))]
#[expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]
pub mod testing {
    use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

    use super::{Arc, Clock, Entropy, SystemEntropy, Timestamp, World};

    /// A clock that stands still until a test moves it.
    #[derive(Debug)]
    pub struct ManualClock(AtomicI64);

    impl ManualClock {
        /// A clock that shows the given instant (RFC 3339).
        pub fn at(instant: &str) -> Arc<Self> {
            let instant: Timestamp = instant.parse().expect("a test's instant is RFC 3339");
            Arc::new(Self(AtomicI64::new(instant.as_microsecond())))
        }

        /// Moves the clock to the given instant (RFC 3339).
        pub fn set(&self, instant: &str) {
            let instant: Timestamp = instant.parse().expect("a test's instant is RFC 3339");
            self.0.store(instant.as_microsecond(), Ordering::SeqCst);
        }

        /// Moves the clock on by whole seconds.
        pub fn advance_seconds(&self, seconds: i64) {
            self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        }

        /// A world with this clock and real entropy.
        pub fn world(self: &Arc<Self>) -> World {
            World::new(self.clone(), Arc::new(SystemEntropy))
        }
    }

    impl Clock for ManualClock {
        fn now(&self) -> Timestamp {
            Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).expect("a test's instant is in range")
        }
    }

    /// Entropy that repeats from run to run: the splitmix64 sequence (Steele, Lea and Flood, 2014).
    #[derive(Debug)]
    pub struct SeededEntropy(AtomicU64);

    impl SeededEntropy {
        /// Entropy that starts from a seed.
        pub fn new(seed: u64) -> Arc<Self> {
            Arc::new(Self(AtomicU64::new(seed)))
        }
    }

    impl Entropy for SeededEntropy {
        fn fill(&self, buffer: &mut [u8]) {
            for chunk in buffer.chunks_mut(8) {
                let mut z =
                    self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst).wrapping_add(0x9e37_79b9_7f4a_7c15);
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
            }
        }
    }
}
