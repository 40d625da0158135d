//! A small HTTP/1.1 client on one keep-alive connection. It blocks: a thread is a caller.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub struct Http(BufReader<TcpStream>);

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Http {
    /// A connection on which nothing is waited for longer than `patience`.
    pub fn connect(address: &str, patience: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Self(BufReader::new(stream)))
    }

    pub fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> io::Result<Answer> {
        self.send("GET", path, headers, None)
    }

    /// A form, as `application/x-www-form-urlencoded`.
    pub fn post(&mut self, path: &str, headers: &[(&str, &str)], form: &str) -> io::Result<Answer> {
        self.send("POST", path, headers, Some(form))
    }

    /// An error means that no whole answer came; the connection is of no more use then.
    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> io::Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            request.push_str(&format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body.unwrap_or_default());
        self.0.get_mut().write_all(request.as_bytes())?;
        self.answer()
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        if line.ends_with('\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let status = self.line()?.split_whitespace().nth(1).and_then(|code| code.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let mut headers = Vec::new();
        while let Some((name, value)) = self.line()?.trim_end().split_once(": ") {
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut answer = Answer { status, headers, body: String::new() };
        let mut body = vec![0; answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
        self.0.read_exact(&mut body)?;
        answer.body = String::from_utf8(body).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok(answer)
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(there, _)| there == name).map(|(_, value)| value.as_str())
    }

    /// The body of a 200; anything else is an error that shows what came instead.
    pub fn json(&self) -> io::Result<serde_json::Value> {
        if self.status != 200 {
            return Err(io::Error::other(format!("{}: {}", self.status, self.body)));
        }
        serde_json::from_str(&self.body).map_err(io::Error::from)
    }

    /// The `error` of an OAuth refusal, or of a redirect that carries one.
    pub fn error(&self) -> Option<String> {
        let json = || serde_json::from_str::<serde_json::Value>(&self.body).ok()?["error"].as_str().map(str::to_owned);
        self.parameter("error").or_else(json)
    }

    pub fn code(&self) -> Option<String> {
        self.parameter("code")
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.header("location")?.split_once('?')?;
        form_urlencoded::parse(query.as_bytes()).find(|(there, _)| there == name).map(|(_, value)| value.into_owned())
    }

    pub fn cookies(&self) -> impl Iterator<Item = (String, String)> {
        let set = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        set.filter_map(|(_, value)| value.split(';').next()?.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned()))
    }
}
