//! What the floor is: poem with one handler that says hello, as a process of its own under the same driver.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::time::Duration;

use poem::endpoint::make_sync;

/// The argument that makes the driver's own binary that server.
const ARGUMENT: &str = "--bare";

pub struct Bare {
    child: Child,
    pub address: String,
}

impl Bare {
    pub fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = Command::new(std::env::current_exe().unwrap()).args([ARGUMENT, &address]).spawn().unwrap();
        while TcpStream::connect(&address).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Self { child, address }
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until killed, if that is what the process was started for.
pub fn serve_if_asked() {
    let mut arguments = std::env::args().skip_while(|argument| argument != ARGUMENT).skip(1);
    let Some(address) = arguments.next() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(poem::Server::new(poem::listener::TcpListener::bind(address)).run(make_sync(|_| "hello"))).unwrap();
}
