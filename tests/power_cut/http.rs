//! One keep-alive connection to the server, as much HTTP/1.1 as its answers need.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

pub struct Http(BufReader<TcpStream>);

pub struct Answer {
    pub status: u16,
    pub body: String,
    headers: Vec<(String, String)>,
}

pub fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

impl Http {
    pub fn connect(address: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    pub fn get(&mut self, path: &str, cookie: &str) -> std::io::Result<Answer> {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n"))
    }

    pub fn post(&mut self, path: &str, cookie: &str, pairs: &[(&str, &str)]) -> std::io::Result<Answer> {
        let body = form(pairs);
        self.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    fn send(&mut self, request: &str) -> std::io::Result<Answer> {
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status = line.split_whitespace().nth(1).and_then(|status| status.parse().ok()).ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok(Answer { status, body: String::from_utf8(body).unwrap(), headers })
    }
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, 200, "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn location(&self) -> &str {
        self.headers.iter().find(|(name, _)| name == "location").map_or("", |(_, value)| value)
    }

    /// The code in a redirect to the application.
    pub fn code(&self) -> String {
        let query = self.location().split_once('?').map_or("", |(_, query)| query);
        let code = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code");
        code.unwrap_or_else(|| panic!("no code: {} {} {}", self.status, self.location(), self.body)).1.into_owned()
    }

    /// The value of a hidden field.
    pub fn hidden(&self, name: &str) -> &str {
        let value = self.body.split(&format!("name=\"{name}\" value=\"")).nth(1).and_then(|rest| rest.split('"').next());
        value.unwrap_or_else(|| panic!("no field {name}: {} {}", self.status, self.body))
    }

    /// Every cookie that is set, as a `Cookie` header carries them.
    pub fn cookies(&self) -> String {
        let set = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        set.filter_map(|(_, value)| value.split(';').next()).collect::<Vec<_>>().join("; ")
    }
}
