//! Passwords: argon2id (RFC 9106) on a few threads of its own, so that a flood of sign-ins waits for itself and for nothing else.
//!
//! A password is taken exactly as it was sent: no trimming, no normal form, any UTF-8 (NIST SP 800-63B-4 §3.1.1.2).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::oneshot;

use crate::domain::entropy::{Entropy, random};
use crate::domain::secret::Secret;
use crate::settings::PasswordSettings;

/// The longest password, in bytes: beyond any passphrase, short enough that hashing it costs nothing beside the memory.
pub const MAX_BYTES: usize = 1024;

/// How many may wait for each thread: with the default parameters about half a second.
const WAITING_PER_THREAD: usize = 32;

/// What comparing a password said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// `rehash`: it was hashed under other parameters than today's, and should be hashed again while it is at hand.
    Match {
        rehash: bool,
    },
    Mismatch,
}

/// Too many wait already, or the issuer is stopping. Nothing was decided: the caller may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked at the moment: try again in a moment")]
pub struct Busy;

/// Why a new password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitPassword {
    #[error("the password is too short: use at least {0} characters")]
    TooShort(usize),
    #[error("the password is too long: use at most {MAX_BYTES} bytes")]
    TooLong,
}

/// Why passwords cannot be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the parameters in `[passwords]` do not go together: {0}")]
    Parameters(argon2::Error),
    #[error("no thread for checking passwords could be started: {0}")]
    Thread(std::io::Error),
}

/// Hashes and verifies. When it is dropped, its threads finish what is queued and end.
pub struct Passwords {
    jobs: SyncSender<Job>,
    argon2: Argon2<'static>,
    entropy: Arc<dyn Entropy>,
    /// A hash no password has, with today's parameters: what an unknown user's password is compared with.
    nobodys: Secret<String>,
    min_length: usize,
}

type Job = Box<dyn FnOnce() + Send>;

impl Passwords {
    pub fn new(settings: &PasswordSettings, entropy: Arc<dyn Entropy>) -> Result<Self, StartError> {
        let params = Params::new(settings.memory_kib, settings.iterations, settings.parallelism, None).map_err(StartError::Parameters)?;
        let threads = settings.max_concurrent.max(1);
        let waiting = usize::try_from(threads).unwrap_or(1).saturating_mul(WAITING_PER_THREAD);
        let (jobs, queue) = sync_channel::<Job>(waiting);
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = queue.clone();
            std::thread::Builder::new().name("gatekey-passwords".to_owned()).spawn(move || work(&queue)).map_err(StartError::Thread)?;
        }
        let text = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
        let (salt, output) = (text(&random::<16>(entropy.as_ref())), text(&random::<32>(entropy.as_ref())));
        let nobodys = Secret::new(format!("$argon2id$v=19$m={},t={},p={}${salt}${output}", params.m_cost(), params.t_cost(), params.p_cost()));
        Ok(Self {
            jobs,
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            entropy,
            nobodys,
            min_length: usize::try_from(settings.min_length).unwrap_or(usize::MAX),
        })
    }

    /// Judges a new password; length is counted in characters (NIST SP 800-63B-4 §3.1.1.2).
    pub fn judge(&self, password: &Secret<String>) -> Result<(), UnfitPassword> {
        if password.expose().len() > MAX_BYTES {
            Err(UnfitPassword::TooLong)
        } else if password.expose().chars().count() < self.min_length {
            Err(UnfitPassword::TooShort(self.min_length))
        } else {
            Ok(())
        }
    }

    /// A PHC string under today's parameters, with a fresh salt of 128 bits.
    pub async fn hash(&self, password: Secret<String>) -> Result<Secret<String>, Busy> {
        let salt = random::<16>(self.entropy.as_ref());
        let argon2 = self.argon2.clone();
        // The parameters were judged in `new`, so hashing fails for want of memory at most.
        self.run(move || argon2.hash_password_with_salt(password.expose().as_bytes(), &salt).map(|hash| Secret::new(hash.to_string())).map_err(|_| Busy))
            .await?
    }

    /// Compares a password with the stored hash. Without one (unknown user, no password set) the same work is done and the
    /// answer is no, so that the time says nothing (ASVS 6.3.8).
    pub async fn verify(&self, password: Secret<String>, stored: Option<Secret<String>>) -> Result<Verdict, Busy> {
        let possible = password.expose().len() <= MAX_BYTES && stored.is_some();
        let hash = stored.unwrap_or_else(|| self.nobodys.clone());
        let today = self.argon2.params().clone();
        self.run(move || {
            let Ok(parsed) = PasswordHash::new(hash.expose()) else {
                tracing::error!("a stored password hash is not a PHC string: set that user's password again");
                return Verdict::Mismatch;
            };
            // Beyond the longest password only its beginning is worked on: the answer is no in any case.
            let bytes = password.expose().as_bytes();
            let matches = Argon2::default().verify_password(bytes.get(..MAX_BYTES).unwrap_or(bytes), &parsed).is_ok();
            if matches && possible { Verdict::Match { rehash: differs(&parsed, &today) } } else { Verdict::Mismatch }
        })
        .await
    }

    /// Runs `f` on one of the threads; nothing is left behind when the caller goes away before its turn.
    async fn run<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move || {
            if !reply.is_closed() {
                let _ = reply.send(f());
            }
        });
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Busy,
        })?;
        answer.await.map_err(|_| Busy)
    }
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords").field("argon2", &self.argon2).finish_non_exhaustive()
    }
}

/// How much less than others these threads get where the cores do not suffice: hashing is long and can wait, answering is short and cannot.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// On Linux a thread has a priority of its own. Elsewhere the short queue has to do.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "the threads that check passwords keep the priority of all others");
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    yield_to_others();
    loop {
        // The lock is held while waiting and released before working: one thread waits, the others work or queue for the lock.
        let job = queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).recv();
        let Ok(job) = job else { return };
        // A thread that died would be missed for ever; its caller hears `Busy`.
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("checking a password failed unexpectedly");
        }
    }
}

/// Whether a hash was made in another way than one made today would be.
fn differs(hash: &PasswordHash, today: &Params) -> bool {
    let same = hash.algorithm.as_str() == "argon2id"
        && hash.version == Some(Version::V0x13.into())
        && Params::try_from(hash).is_ok_and(|params| (params.m_cost(), params.t_cost(), params.p_cost()) == (today.m_cost(), today.t_cost(), today.p_cost()));
    !same
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::SystemEntropy;

    fn cheap() -> PasswordSettings {
        PasswordSettings { memory_kib: 64, iterations: 1, parallelism: 1, max_concurrent: 2, min_length: 8 }
    }

    fn passwords(settings: PasswordSettings) -> Passwords {
        Passwords::new(&settings, Arc::new(SystemEntropy)).unwrap()
    }

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn takes_a_password_exactly_as_it_is() {
        let passwords = passwords(cheap());
        let password = " pässwörd\0\u{1f511} ";
        let hash = passwords.hash(secret(password)).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        assert_eq!(passwords.verify(secret(password), Some(hash.clone())).await, Ok(Verdict::Match { rehash: false }));
        for other in [password.trim(), "", " pässwörd", &password.to_uppercase()] {
            assert_eq!(passwords.verify(secret(other), Some(hash.clone())).await, Ok(Verdict::Mismatch), "{other:?}");
        }
        let again = passwords.hash(secret(password)).await.unwrap();
        assert_ne!(hash.expose(), again.expose(), "each hash has its own salt");
    }

    #[tokio::test]
    async fn nobody_matches_and_a_broken_hash_neither() {
        let passwords = passwords(cheap());
        assert_eq!(passwords.verify(secret("password"), None).await, Ok(Verdict::Mismatch));
        assert_eq!(passwords.verify(secret("password"), Some(secret("password"))).await, Ok(Verdict::Mismatch));
        // The stand-in has to be a hash that is really computed, else an unknown user would be answered sooner.
        let nobodys = PasswordHash::new(passwords.nobodys.expose()).unwrap();
        assert!(!differs(&nobodys, passwords.argon2.params()));
        assert_eq!(nobodys.hash.unwrap().len(), 32);
    }

    #[tokio::test]
    async fn a_password_beyond_the_longest_never_matches() {
        let passwords = passwords(cheap());
        let longest = "x".repeat(MAX_BYTES);
        let hash = passwords.hash(secret(&longest)).await.unwrap();
        assert_eq!(passwords.verify(secret(&longest), Some(hash.clone())).await, Ok(Verdict::Match { rehash: false }));
        assert_eq!(passwords.verify(secret(&(longest.clone() + "y")), Some(hash)).await, Ok(Verdict::Mismatch));
        assert_eq!(passwords.judge(&secret(&(longest + "y"))), Err(UnfitPassword::TooLong));
    }

    #[tokio::test]
    async fn length_is_counted_in_characters() {
        let passwords = passwords(cheap());
        assert_eq!(passwords.judge(&secret("ääääääää")), Ok(()));
        assert_eq!(passwords.judge(&secret("äääääää")), Err(UnfitPassword::TooShort(8)));
    }

    #[tokio::test]
    async fn changed_parameters_ask_for_a_new_hash() {
        let old = passwords(cheap()).hash(secret("password")).await.unwrap();
        for changed in [
            PasswordSettings { memory_kib: 128, ..cheap() },
            PasswordSettings { iterations: 2, ..cheap() },
            PasswordSettings { parallelism: 2, memory_kib: 64, ..cheap() },
        ] {
            assert_eq!(passwords(changed).verify(secret("password"), Some(old.clone())).await, Ok(Verdict::Match { rehash: true }));
        }
    }

    /// One thread is held up, the queue is filled: the next one is told so at once, and those queued are answered after all.
    #[test]
    fn a_full_queue_is_busy_at_once() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let passwords = passwords(PasswordSettings { max_concurrent: 1, ..cheap() });
        runtime.block_on(async {
            let (release, held) = std::sync::mpsc::channel::<()>();
            let (started, running) = oneshot::channel();
            let blocker = passwords.run(move || {
                let _ = started.send(());
                let _ = held.recv();
            });
            let queued = async {
                running.await.unwrap();
                let mut waiting: Vec<_> = (0..WAITING_PER_THREAD).map(|n| Box::pin(passwords.run(move || n))).collect();
                for future in &mut waiting {
                    // Polled once: it takes its place in the queue.
                    assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx).is_pending())).await);
                }
                assert_eq!(passwords.hash(secret("password")).await.map(|_| ()), Err(Busy));
                release.send(()).unwrap();
                for (n, future) in waiting.into_iter().enumerate() {
                    assert_eq!(future.await, Ok(n));
                }
            };
            let (blocked, ()) = tokio::join!(blocker, queued);
            assert_eq!(blocked, Ok(()));
        });
    }

    #[tokio::test]
    async fn a_panic_does_not_cost_a_thread() {
        let passwords = passwords(PasswordSettings { max_concurrent: 1, ..cheap() });
        for _ in 0..3 {
            assert_eq!(passwords.run(|| -> () { panic!("planted") }).await, Err(Busy));
        }
        assert_eq!(passwords.verify(secret("password"), None).await, Ok(Verdict::Mismatch));
    }
}
