//! The disk, worked out from the record of `recorder.c`: what is on it at any moment for sure, and what may be.
//!
//! For sure is what was flushed: of a file its content at its last `fsync`, of a name the state at the last `fsync` of the directory.
//! What came after it may be there or not, sector by sector and in any order.

use std::collections::BTreeMap;
use std::path::Path;

/// A disk writes so many bytes whole.
const SECTOR: usize = 512;

/// Numbers from a seed: a failing round can be had again.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// What the cut leaves of what was not flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    Nothing,
    Everything,
    /// Each sector, and each change of a name or a size, by itself.
    Some,
}

/// Which flushes the disk heeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushes {
    All,
    /// All but those of the write-ahead log by the thread that commits: what `synchronous=NORMAL` leaves out.
    AllButCommits,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Size(usize),
}

#[derive(Debug, Clone)]
enum Naming {
    Add(String, u64),
    Remove(String),
}

#[derive(Debug, Default, Clone)]
struct File {
    flushed: Vec<u8>,
    rest: Vec<Change>,
    is_log: bool,
}

#[derive(Debug)]
pub struct Disk<'a> {
    record: &'a [u8],
    position: usize,
    flushes: Flushes,
    files: BTreeMap<u64, File>,
    names: BTreeMap<String, u64>,
    naming: Vec<Naming>,
    pub counts: BTreeMap<char, u64>,
}

impl<'a> Disk<'a> {
    /// An empty one, to which nothing of the record has happened yet.
    pub fn new(record: &'a [u8], flushes: Flushes) -> Self {
        Self { record, position: 0, flushes, files: BTreeMap::new(), names: BTreeMap::new(), naming: Vec::new(), counts: BTreeMap::new() }
    }

    /// Where each entry of a record ends.
    pub fn entries(record: &[u8]) -> Vec<usize> {
        let (mut position, mut ends) = (0, Vec::new());
        while let Some(entry) = Entry::at(record, position) {
            position = entry.end;
            ends.push(position);
        }
        ends
    }

    /// Lets everything happen that had been recorded when the record was so long.
    pub fn advance(&mut self, until: usize) {
        while let Some(entry) = Entry::at(self.record, self.position).filter(|entry| entry.end <= until) {
            self.position = entry.end;
            *self.counts.entry(entry.kind).or_default() += 1;
            let text = || std::str::from_utf8(entry.data).unwrap().to_owned();
            match entry.kind {
                'C' => {
                    self.files.insert(entry.file, File { is_log: entry.data.ends_with(b"-wal"), ..File::default() });
                    self.naming.push(Naming::Add(text(), entry.file));
                }
                'W' => self.change(entry.file, Change::Write { offset: entry.offset, bytes: entry.data.to_vec() }),
                'T' => self.change(entry.file, Change::Size(entry.offset)),
                'S' => {
                    let file = self.files.get_mut(&entry.file).expect("a file that was made");
                    if self.flushes == Flushes::All || !file.is_log || entry.data != b"gatekey-writer" {
                        for change in std::mem::take(&mut file.rest) {
                            change.apply(&mut file.flushed);
                        }
                    }
                }
                'D' => {
                    for naming in std::mem::take(&mut self.naming) {
                        naming.apply(&mut self.names);
                    }
                }
                'L' => self.naming.push(Naming::Add(text(), entry.file)),
                'U' => self.naming.push(Naming::Remove(text())),
                other => panic!("an entry of kind {other}"),
            }
        }
    }

    fn change(&mut self, file: u64, change: Change) {
        self.files.get_mut(&file).expect("a file that was made").rest.push(change);
    }

    /// Cuts the power now, and writes what is left into an empty folder.
    pub fn cut(&self, rest: Rest, dice: &mut Dice, folder: &Path) {
        let kept = |dice: &mut Dice| match rest {
            Rest::Nothing => false,
            Rest::Everything => true,
            Rest::Some => dice.roll().is_multiple_of(2),
        };
        let mut names = self.names.clone();
        for naming in self.naming.iter().filter(|_| kept(dice)) {
            naming.apply(&mut names);
        }
        for (name, number) in names {
            let file = &self.files[&number];
            let mut content = file.flushed.clone();
            for change in &file.rest {
                match change {
                    Change::Write { offset, bytes } if rest == Rest::Some => {
                        let (mut at, end) = (*offset, offset + bytes.len());
                        while at < end {
                            let next = ((at / SECTOR + 1) * SECTOR).min(end);
                            if kept(dice) {
                                write(&mut content, at, &bytes[at - offset..next - offset]);
                            }
                            at = next;
                        }
                    }
                    change if kept(dice) => change.apply(&mut content),
                    _ => {}
                }
            }
            std::fs::write(folder.join(&name), content).unwrap();
            std::fs::set_permissions(folder.join(&name), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
    }
}

fn write(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => write(content, *offset, bytes),
            Self::Size(size) => content.resize(*size, 0),
        }
    }
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Add(name, file) => names.insert(name.clone(), *file),
            Self::Remove(name) => names.remove(name),
        };
    }
}

struct Entry<'a> {
    kind: char,
    file: u64,
    offset: usize,
    data: &'a [u8],
    end: usize,
}

impl<'a> Entry<'a> {
    const HEAD: usize = 25;

    fn at(record: &'a [u8], position: usize) -> Option<Self> {
        let head = record.get(position..position + Self::HEAD)?;
        let number = |at: usize| u64::from_ne_bytes(head[at..at + 8].try_into().unwrap());
        let (begin, length) = (position + Self::HEAD, usize::try_from(number(17)).unwrap());
        let data = record.get(begin..begin + length)?;
        Some(Self { kind: char::from(head[0]), file: number(1), offset: usize::try_from(number(9)).unwrap(), data, end: begin + length })
    }
}
