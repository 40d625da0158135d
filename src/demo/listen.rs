//! Takes the ports of the three servers, all before the first one starts, so that a taken port stops the demo before it has done anything.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use poem::listener::{AcceptorExt, BoxAcceptor, TcpAcceptor};

use super::DemoError;

/// `localhost` at one port.
pub(super) struct Place {
    pub port: u16,
    pub acceptor: BoxAcceptor,
}

/// A place for each of three ports, which must differ; but 0 is another free one each time.
pub(super) fn three(wanted: [(u16, &'static str); 3]) -> Result<[Place; 3], DemoError> {
    let [first, second, third] = wanted;
    for ((port, one), (same, other)) in [(first, second), (first, third), (second, third)] {
        if port == same && port != 0 {
            return Err(DemoError::SamePort { port, one, other });
        }
    }
    Ok([localhost(first.0, first.1)?, localhost(second.0, second.1)?, localhost(third.0, third.1)?])
}

/// Listens on both loopback addresses: browsers take `localhost` for either. `flag` is what the user would change; port 0 takes any free one.
pub(super) fn localhost(port: u16, flag: &'static str) -> Result<Place, DemoError> {
    let refused = |port: u16| {
        move |error: std::io::Error| match error.kind() {
            ErrorKind::AddrInUse => DemoError::PortInUse { port, flag, other: port.checked_add(1000).unwrap_or(9090) },
            _ => DemoError::Listen { port, flag, error },
        }
    };
    let listen = |address: IpAddr, port: u16| -> std::io::Result<TcpListener> {
        let listener = TcpListener::bind(SocketAddr::new(address, port))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    let first = listen(Ipv4Addr::LOCALHOST.into(), port).map_err(refused(port))?;
    let port = first.local_addr().map_err(refused(port))?.port();
    let first = TcpAcceptor::from_std(first).map_err(refused(port))?;
    // A machine may have no IPv6. But if another program has this port there, the browser could reach that one instead.
    match listen(Ipv6Addr::LOCALHOST.into(), port) {
        Ok(second) => {
            let second = TcpAcceptor::from_std(second).map_err(refused(port))?;
            Ok(Place { port, acceptor: first.combine(second).boxed() })
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(refused(port)(error)),
        Err(_) => Ok(Place { port, acceptor: first.boxed() }),
    }
}

impl Place {
    /// `http://localhost:8081`, as browsers write it in `Origin`.
    pub fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// The same page where it is of another site than `localhost` (the browser's notion of a site): `http://127.0.0.1:8081`.
    pub fn other_site(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// [`Self::origin`] with a slash at the end.
    pub fn url(&self) -> String {
        format!("http://localhost:{}/", self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second demo, or anything else, has the port: one line that names the port and the flag.
    #[tokio::test]
    async fn a_taken_port_is_told_with_the_way_out() {
        let first = localhost(0, "--app-port").unwrap();
        let error = localhost(first.port, "--app-port").err().unwrap().to_string();
        assert!(error.contains(&format!("port {} is in use", first.port)) && error.contains("--app-port"), "{error}");
    }

    /// Two equal ports are no other program's doing.
    #[tokio::test]
    async fn equal_ports_are_told_apart_from_taken_ones() {
        let error = three([(8080, "--issuer-port"), (8081, "--app-port"), (8080, "--api-port")]).err().unwrap().to_string();
        assert!(error.starts_with("`--issuer-port` and `--api-port` are both 8080") && !error.contains("in use"), "{error}");
        let [one, two, three] = three([(0, "--issuer-port"), (0, "--app-port"), (0, "--api-port")]).unwrap();
        assert!(one.port != two.port && two.port != three.port && one.port != three.port);
    }

    /// Only the other loopback address is taken: a browser might go there, so it counts.
    #[tokio::test]
    async fn a_port_taken_on_ipv6_only_counts() {
        let Ok(taken) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
            return; // no IPv6 here, so nothing can be taken there
        };
        let port = taken.local_addr().unwrap().port();
        assert!(matches!(localhost(port, "--app-port"), Err(DemoError::PortInUse { .. })));
    }
}
