//! As much of HTTP/1.1 as a measurement needs: one kept connection, requests made beforehand, bodies with a length.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::linux::net::TcpStreamExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    /// Acknowledges what it receives at once, instead of with the next request or 40 ms later.
    acknowledges_at_once: bool,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self {
            stream: BufReader::with_capacity(1 << 16, stream),
            acknowledges_at_once: false,
        })
    }

    pub(crate) fn acknowledging_at_once(mut self, yes: bool) -> Self {
        self.acknowledges_at_once = yes;
        self
    }

    /// Linux forgets the option by itself, so it is set around every read.
    fn acknowledge(&self) -> Result<()> {
        if self.acknowledges_at_once {
            self.stream.get_ref().set_quickack(true)?;
        }
        Ok(())
    }

    pub(crate) fn call(&mut self, request: &[u8]) -> Result<Answer> {
        self.stream.get_mut().write_all(request)?;
        self.acknowledge()?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line
            .split_whitespace()
            .nth(1)
            .and_then(|status| status.parse().ok())
            .with_context(|| format!("no HTTP answer: `{}`", line.trim()))?;
        let mut length = None;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok();
            }
        }
        self.acknowledge()?;
        let Some(length) = length else {
            bail!("an answer without a length");
        };
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, body })
    }
}

/// Sends a request on a connection of its own and counts the bytes of the answer's body, however it is framed.
pub(crate) fn drain(address: SocketAddr, path: &str) -> Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    )?;
    let mut reader = BufReader::with_capacity(1 << 20, stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if !line.contains(" 200 ") {
        bail!("the answer to {path} was `{}`", line.trim());
    }
    while !line.trim().is_empty() {
        line.clear();
        reader.read_line(&mut line)?;
    }
    Ok(std::io::copy(&mut reader, &mut std::io::sink())?)
}

pub(crate) fn put(path: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "PUT {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}

pub(crate) fn post(path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
