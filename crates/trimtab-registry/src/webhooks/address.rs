//! Which addresses may be called: those of the internet, in whatever form they are written.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::WebhookPolicy;

/// How long a name may take to be looked up when a webhook is made; calls have their own timeout.
const LOOK_UP: Duration = Duration::from_secs(3);

/// The name leads into a private network.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{host}` is not an address of the internet: webhooks do not call private, local or reserved addresses"
)]
pub(crate) struct Private {
    host: String,
}

/// Whether an address is one of the internet. Forms of IPv6 that carry an IPv4 address are judged by that.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match carried(address) {
            Some(inner) => is_public_v4(inner),
            None => is_public_v6(address),
        },
    }
}

/// The IPv4 address in a mapped, compatible, 6to4 or NAT64 address.
fn carried(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(of(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(of(high, low)),
        [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_reserved = match (a, b, c) {
        (0 | 10 | 127 | 224..=255, ..)
        | (169, 254, _)
        | (192, 168, _)
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 18 | 19, _)
        | (198, 51, 100)
        | (203, 0, 113) => true,
        (100, b, _) => (64..128).contains(&b),
        (172, b, _) => (16..32).contains(&b),
        _ => false,
    };
    !is_reserved
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only 2000::/3 is given out; of it, Teredo, ORCHID, benchmarks and documentation are not the internet.
    let is_global = (first & 0xe000) == 0x2000;
    let is_special = first == 0x2001 && (second < 0x200 || second == 0xdb8);
    let is_documentation = first == 0x3fff && second < 0x1000;
    is_global && !is_special && !is_documentation
}

/// What a URL must be to be kept: one of the web, with a host that is not private where that can be seen already.
pub(crate) async fn check(text: &str, policy: WebhookPolicy) -> Result<Url, String> {
    let shown: String = text.chars().take(200).collect();
    let url = Url::parse(text.trim())
        .map_err(|error| format!("Invalid webhook URL '{shown}': {error}"))?;
    if text.len() > 2_048 {
        return Err("Invalid webhook URL: it must be at most 2048 bytes long".to_owned());
    }
    let schemes: &[&str] = if policy.allow_private {
        &["https", "http"]
    } else {
        &["https"]
    };
    if !schemes.contains(&url.scheme()) {
        return Err(format!(
            "Invalid webhook URL scheme: '{}'. Allowed schemes are: {}.",
            url.scheme(),
            schemes.join(", ")
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("Invalid webhook URL: it must not hold a user name or a password; give the webhook a secret".to_owned());
    }
    if policy.allow_private {
        return Ok(url);
    }
    literal(&url).map_err(|error| error.to_string())?;
    if let Some(Host::Domain(name)) = url.host() {
        let port = url.port_or_known_default().unwrap_or(443);
        // A name that nobody knows now may be known when it is called, and is judged again then.
        if let Ok(Ok(found)) =
            tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((name, port))).await
        {
            all_public(name, found.collect()).map_err(|error| error.to_string())?;
        }
    }
    Ok(url)
}

/// Judges a host that is written as an address, which is never looked up.
pub(crate) fn literal(url: &Url) -> Result<(), Private> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(name)) => {
            // Not every machine looks this name up, and where it does it is this machine.
            let name = name.trim_end_matches('.');
            if name == "localhost" || name.ends_with(".localhost") {
                return Err(Private {
                    host: name.to_owned(),
                });
            }
            return Ok(());
        }
        None => {
            return Err(Private {
                host: String::new(),
            });
        }
    };
    if is_public(address) {
        return Ok(());
    }
    Err(Private {
        host: address.to_string(),
    })
}

/// A name that leads to even one private address is not called at all.
fn all_public(host: &str, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Private> {
    if found.iter().all(|address| is_public(address.ip())) {
        return Ok(found);
    }
    Err(Private {
        host: host.to_owned(),
    })
}

/// Looks names up for the client: what it answers is what is connected to.
#[derive(Debug)]
pub(crate) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            let found = all_public(host, found)
                .map_err(|error| Box::new(error) as Box<dyn Error + Send + Sync>)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cwe_918_addresses_are_judged_in_every_form() {
        for public in [
            "8.8.8.8",
            "93.184.216.34",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "2606:4700::1",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.0.0.1",
            "127.0.0.1",
            "127.1.2.3",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "100::1",
            "3fff::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:10.0.0.1",
            "::10.0.0.1",
            "::169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2002:c0a8:101::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[tokio::test]
    async fn cwe_918_urls_cannot_hide_an_address() {
        let policy = WebhookPolicy::default();
        for bad in [
            "",
            "x",
            "http://example.com/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://example.com/",
            "https://",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://169.254.169.254/latest",
            "https://localhost/",
            "https://localhost./",
            "https://user:pass@8.8.8.8/",
            "https://user@8.8.8.8/",
            "https://①②⑦.0.0.1/",
            "https://127。0。0。1/",
        ] {
            assert!(check(bad, policy).await.is_err(), "{bad}");
        }
        assert!(
            check(&format!("https://8.8.8.8/{}", "x".repeat(2_048)), policy)
                .await
                .is_err()
        );
        assert!(check("https://8.8.8.8/hook?x=1", policy).await.is_ok());
        let private = WebhookPolicy {
            allow_private: true,
        };
        for good in ["http://127.0.0.1:1/", "https://localhost/x"] {
            assert!(check(good, private).await.is_ok(), "{good}");
        }
        assert!(check("file:///etc", private).await.is_err());
    }

    #[test]
    fn cwe_367_one_private_address_among_many_is_enough() {
        let found = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        assert!(all_public("h", found(&["8.8.8.8:0", "1.1.1.1:0"])).is_ok());
        assert!(all_public("h", found(&["8.8.8.8:0", "127.0.0.1:0"])).is_err());
    }
}
