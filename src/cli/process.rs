//! What the process asks of the system it runs on.

/// No core dumps: they would hold passwords, keys and tokens, and end up where nobody guards them.
pub(super) fn keep_memory_private() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let maximum = getrlimit(Resource::Core).maximum;
        // Lowering a limit is always allowed.
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    }
    // The limit alone does not hold where a core goes to a program; this does, and keeps other processes of the user from reading along.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Lets the process open `wanted` files, or as many as the system allows; `None`: nobody says how many that is.
pub(super) fn open_files(wanted: u64) -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        if current.is_some_and(|current| current < wanted) {
            let raised = maximum.map_or(wanted, |maximum| maximum.min(wanted));
            let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum });
        }
        getrlimit(Resource::Nofile).current
    }
    #[cfg(not(unix))]
    {
        let _ = wanted;
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn open_files_are_raised_but_never_lowered() {
        let before = open_files(1);
        assert!(before.is_none_or(|files| files > 1), "{before:?}");
        assert_eq!(open_files(1), before);
        assert!(open_files(u64::MAX) >= before);
    }
}
