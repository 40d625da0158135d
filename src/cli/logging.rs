//! Logs go to standard error, as text or JSON. Only the program sets this up; a host that embeds the library has its own.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, LogSettings};

pub(super) fn start(settings: &LogSettings) {
    // The server underneath says little of interest, and much of it.
    let level = settings.level.as_str();
    let filter = EnvFilter::new(format!("{level},hyper=warn,hyper_util=warn,poem=warn,h2=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second call finds the first one's subscriber in place: that one stays.
    let _ = match settings.format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
}
