//! Randomness comes from an [`Entropy`]. This is the only file that may ask the operating system for it (`clippy.toml`).

use std::cell::RefCell;

use zeroize::Zeroize;

/// Where an issuer draws random bytes. It must be cryptographically strong outside tests.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `buffer` with random bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator, some bytes ahead on each thread. A host must not fork without `exec` after it has started an issuer, nor go on
/// twice from one snapshot of its memory: both would go on with the same bytes.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemEntropy;

/// How much each thread asks for at a time: a system call for every nonce is a fortieth of what silent authentication costs.
const DRAWN: usize = 512;

/// Bytes of the generator that nobody has been given. Each is given once, and wiped as it is.
struct Drawn {
    bytes: [u8; DRAWN],
    left: usize,
}

thread_local! {
    static DRAWN_HERE: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; DRAWN], left: 0 }) };
}

impl Drawn {
    fn fill(&mut self, buffer: &mut [u8]) {
        if self.left < buffer.len() {
            ask(&mut self.bytes);
            self.left = DRAWN;
        }
        let from = self.left.saturating_sub(buffer.len());
        let Some(given) = self.bytes.get_mut(from..self.left) else { return ask(buffer) };
        buffer.copy_from_slice(given);
        given.zeroize();
        self.left = from;
    }
}

impl Drop for Drawn {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        // Longer ones, and those of a thread that is ending, straight from where they come.
        if buffer.len() > DRAWN / 4 || DRAWN_HERE.try_with(|drawn| drawn.borrow_mut().fill(buffer)).is_err() {
            ask(buffer);
        }
    }
}

fn ask(buffer: &mut [u8]) {
    // Without randomness no secret can be made: stopping is the only safe answer (fail closed).
    #[allow(clippy::panic, clippy::disallowed_methods)]
    if let Err(error) = getrandom::fill(buffer) {
        panic!("the operating system gives no random bytes: {error}");
    }
}

/// `N` random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0u8; N];
    entropy.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Of every length, across where the drawn bytes end, on several threads: no eight bytes come twice, and all of a buffer is filled.
    #[test]
    fn no_byte_is_given_twice() {
        let draw = || {
            let mut seen = Vec::new();
            for length in (8..DRAWN / 4 + 20).chain([DRAWN, 4 * DRAWN]) {
                let mut buffer = vec![0; length];
                SystemEntropy.fill(&mut buffer);
                seen.extend(buffer.chunks_exact(8).map(<[u8]>::to_vec));
            }
            seen
        };
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(draw)).collect();
        let all: Vec<Vec<u8>> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
        assert!(all.iter().all(|bytes| bytes.iter().any(|byte| *byte != 0)));
    }

    /// What has been given is not kept.
    #[test]
    fn what_is_given_is_wiped() {
        let mut drawn = Drawn { bytes: [0; DRAWN], left: 0 };
        let (mut first, mut second) = ([0; 24], [0; 24]);
        drawn.fill(&mut first);
        drawn.fill(&mut second);
        assert_eq!((drawn.left, &drawn.bytes[DRAWN - 48..]), (DRAWN - 48, &[0; 48][..]));
        assert_ne!(first, second);
        assert!(drawn.bytes[..DRAWN - 48].iter().any(|byte| *byte != 0));
    }
}
