//! Opening listeners.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use tokio::net::TcpListener;
use trimtab_types::{Coded, ErrorCode};

use crate::port_holder;

/// An open listener.
#[derive(Debug)]
pub struct Listener {
    pub(crate) socket: TcpListener,
    /// Where it listens, with the port that the system chose when 0 was asked for.
    pub address: SocketAddr,
}

/// An address could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Something listens there already.
    #[error("{address} is taken{}", holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default())]
    Taken {
        /// Where.
        address: SocketAddr,
        /// The process, where it can be seen.
        holder: Option<String>,
    },
    /// The text is not an address.
    #[error("`{0}` is not an address to listen on")]
    Address(String),
    /// Another refusal of the system.
    #[error("cannot listen on {address}")]
    Refused {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The first port behind a taken one that nobody listens on, or any that is free.
fn free_near(taken: SocketAddr) -> SocketAddr {
    let at = |port| SocketAddr::new(taken.ip(), port);
    (1..=20)
        .filter_map(|step| taken.port().checked_add(step))
        .map(at)
        .find(|address| std::net::TcpListener::bind(address).is_ok())
        .unwrap_or_else(|| at(0))
}

impl Coded for BindError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Address(_) => ErrorCode::invalid("listen"),
            // A port that another process has is the machine's state, not the input's.
            Self::Taken { .. } | Self::Refused { .. } => ErrorCode::Unavailable,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Taken { address, .. } => Some(format!(
                "stop it, or choose another port: `--listen {}`",
                free_near(*address)
            )),
            Self::Address(_) => {
                Some("write it as 127.0.0.1:5000, [::1]:5000 or localhost:5000".to_owned())
            }
            Self::Refused { .. } => None,
        }
    }
}

/// Opens an address as a person writes it. `localhost:PORT` opens 127.0.0.1 and, where the machine has it, ::1
/// with the same port; port 0 lets the system choose.
pub async fn bind(text: &str) -> Result<Vec<Listener>, BindError> {
    let Some(port) = text.strip_prefix("localhost:") else {
        let address = text
            .parse::<SocketAddr>()
            .map_err(|_| BindError::Address(text.to_owned()))?;
        return Ok(vec![open(address).await?]);
    };
    let port: u16 = port
        .parse()
        .map_err(|_| BindError::Address(text.to_owned()))?;
    let first = open(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let second = open(SocketAddr::from((
        Ipv6Addr::LOCALHOST,
        first.address.port(),
    )))
    .await;
    match second {
        Ok(second) => Ok(vec![first, second]),
        Err(taken @ BindError::Taken { .. }) if port != 0 => Err(taken),
        // A machine without IPv6; or the system's choice for 127.0.0.1 is in use on ::1.
        Err(_) => Ok(vec![first]),
    }
}

async fn open(address: SocketAddr) -> Result<Listener, BindError> {
    let socket = TcpListener::bind(address)
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => BindError::Taken {
                address,
                holder: port_holder(address.port()),
            },
            _ => BindError::Refused { address, source },
        })?;
    let address = socket
        .local_addr()
        .map_err(|source| BindError::Refused { address, source })?;
    Ok(Listener { socket, address })
}
