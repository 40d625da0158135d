//! The demo as a whole, on free ports: all three servers answer, and they know of each other.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::{Options, serve};

/// `GET url`, as status line, headers and body in one text.
async fn get(url: &str, headers: &str) -> String {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn three_servers_that_know_of_each_other() {
    let (started, addresses) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let options = Options { issuer_port: 0, app_port: 0, api_port: 0, data: None };
    let demo = serve(options, |addresses| started.send(addresses.clone()).unwrap(), async {
        stopped.await.unwrap();
    });
    let visit = async {
        let at = addresses.await.unwrap();
        let discovery = get(&format!("{}.well-known/openid-configuration", at.issuer), "").await;
        assert!(discovery.starts_with("HTTP/1.1 200") && discovery.contains(&format!("\"issuer\":\"{}\"", at.issuer)), "{discovery}");

        let script = get(&format!("{}gatekey.js", at.issuer), "").await;
        assert!(script.starts_with("HTTP/1.1 200") && script.contains("createClient"), "{script}");

        // At both addresses, which are of two sites.
        for app in [&at.app, &at.app_elsewhere] {
            let page = get(app, "").await;
            assert!(page.starts_with("HTTP/1.1 200") && page.contains("Sign in"), "{page}");
            let about = get(&format!("{app}demo.json"), "").await;
            assert!(about.contains(&at.issuer) && about.contains(&at.api), "{about}");

            // Without a token: refused, and the page may read why (RFC 6750 §3, CORS).
            let origin = app.trim_end_matches('/');
            let refused = get(&format!("{}notes", at.api), &format!("origin: {origin}\r\n")).await.to_lowercase();
            assert!(refused.starts_with("http/1.1 401") && refused.contains("www-authenticate: bearer"), "{refused}");
            assert!(refused.contains(&format!("access-control-allow-origin: {origin}\r\n")), "{refused}");
            let forged = get(&format!("{}notes", at.api), &format!("origin: {origin}\r\nauthorization: Bearer x.y.z\r\n")).await.to_lowercase();
            assert!(forged.starts_with("http/1.1 401") && forged.contains("invalid_token"), "{forged}");
        }
        stop.send(()).unwrap();
    };
    let (served, ()) = tokio::join!(demo, visit);
    served.unwrap();
}
