//! Who may use whom.

use crate::metadata::Package;

/// The floors of the house, in tenths, so that a half floor is a number too.
const FLOORS: &[(u32, &[&str])] = &[
    (0, &["trimtab-types", "trimtab-telemetry"]),
    (10, &["trimtab-db", "trimtab-blob", "trimtab-table"]),
    (
        20,
        &[
            "trimtab-stats",
            "trimtab-dvc",
            "trimtab-infer",
            "trimtab-exec",
            "trimtab-events",
            "trimtab-record",
        ],
    ),
    (25, &["trimtab-query"]),
    (30, SERVICES),
    (30, &["trimtab-loop"]),
    (40, &["trimtab-edge"]),
    (40, EDGES),
    (45, &["trimtab-wiring", "trimtab-transfer"]),
    (50, &["trimtab"]),
];

const SERVICES: &[&str] = &[
    "trimtab-tracking",
    "trimtab-registry",
    "trimtab-data",
    "trimtab-pipeline",
    "trimtab-serving",
    "trimtab-gateway",
    "trimtab-traces",
    "trimtab-monitor",
    "trimtab-access",
];

const EDGES: &[&str] = &[
    "trimtab-edge-mlflow",
    "trimtab-edge-oip",
    "trimtab-edge-openai",
    "trimtab-edge-otlp",
    "trimtab-edge-api",
];

/// The arrows allowed within one floor: this whole list.
const SAME_FLOOR: &[(&[&str], &[&str])] = &[
    (EDGES, &["trimtab-edge"]),
    (&["trimtab-loop"], SERVICES),
    (&["trimtab-table"], &["trimtab-blob", "trimtab-db"]),
    (&["trimtab-blob"], &["trimtab-db"]),
    (&["trimtab-telemetry"], &["trimtab-types"]),
];

/// Other people's crates that stay in one room, because of their weight or because of what they would let in.
const KEPT_IN: &[(&str, &[&str])] = &[
    ("datafusion", &["trimtab-query"]),
    ("kube", &["trimtab-exec"]),
    ("ort", &["trimtab-infer"]),
    ("rusqlite", &["trimtab-db"]),
    ("tokio-postgres", &["trimtab-db"]),
    ("object_store", &["trimtab-blob"]),
    ("anyhow", &["trimtab", "xtask", "trimtab-bench"]),
];

/// Crates that must stay without others: (crate, what it may not use, why).
const WITHOUT: &[(&str, &[&str], &str)] = &[
    ("trimtab-types", &["tokio"], "the ground has no runtime"),
    (
        "trimtab-stats",
        &["tokio", "reqwest", "axum", "futures", "async-trait"],
        "statistics are pure: no I/O, no async",
    ),
];

/// Crates outside the house: tools, which nothing of the house uses.
const OUTSIDE: &[&str] = &["xtask", "trimtab-bench"];

/// Every arrow that the design does not allow, as a sentence.
pub(super) fn check(packages: &[Package]) -> Vec<String> {
    let mut problems = Vec::new();
    for package in packages {
        let outside = OUTSIDE.contains(&package.name.as_str());
        let floor = floor(&package.name);
        if !outside && floor.is_none() {
            problems.push(format!(
                "`{}` is on no floor; give it one in the design and in xtask/src/floors/arrows.rs",
                package.name
            ));
            continue;
        }
        if !outside && package.folder.file_name() != Some(package.name.as_ref()) {
            problems.push(format!(
                "`{}` lies in {}; a folder is named as its crate",
                package.name,
                package.folder.display()
            ));
        }
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            if let (Some(from), Some(to)) = (floor, self::floor(name))
                && !(to < from || (to == from && is_allowed_beside(&package.name, name)))
            {
                problems.push(format!(
                    "`{}` (floor {}) may not use `{name}` (floor {}): only floors below its own",
                    package.name,
                    label(from),
                    label(to)
                ));
            }
            if !outside && OUTSIDE.contains(&name) {
                problems.push(format!(
                    "`{}` may not use `{name}`, a tool outside the house",
                    package.name
                ));
            }
            if dependency.is_dev {
                continue;
            }
            for (guest, rooms) in KEPT_IN {
                if *guest == name && !rooms.contains(&package.name.as_str()) {
                    problems.push(format!(
                        "`{}` may not use `{guest}`, which is kept in {}",
                        package.name,
                        rooms.join(", ")
                    ));
                }
            }
            for (room, banned, why) in WITHOUT {
                if *room == package.name && banned.contains(&name) {
                    problems.push(format!("`{room}` may not use `{name}`: {why}"));
                }
            }
        }
    }
    problems
}

fn floor(name: &str) -> Option<u32> {
    FLOORS
        .iter()
        .find(|(_, crates)| crates.contains(&name))
        .map(|(floor, _)| *floor)
}

fn is_allowed_beside(from: &str, to: &str) -> bool {
    SAME_FLOOR
        .iter()
        .any(|(users, used)| users.contains(&from) && used.contains(&to))
}

fn label(floor: u32) -> String {
    if floor % 10 == 5 {
        format!("{}½", floor / 10)
    } else {
        format!("{}", floor / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn package(name: &str, dependencies: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            folder: format!("crates/{name}").into(),
            dependencies: dependencies
                .iter()
                .map(|name| Dependency {
                    name: (*name).to_owned(),
                    is_dev: false,
                })
                .collect(),
        }
    }

    fn check_one(name: &str, dependencies: &[&str]) -> Vec<String> {
        check(&[package(name, dependencies)])
    }

    #[test]
    fn arrows_down_are_allowed() {
        assert!(check_one("trimtab-events", &["trimtab-db", "trimtab-types", "serde"]).is_empty());
        assert!(check_one("trimtab", &["trimtab-edge-api", "trimtab-wiring"]).is_empty());
    }

    #[test]
    fn the_arrows_within_a_floor_are_this_list() {
        for (from, to) in [
            ("trimtab-edge-oip", "trimtab-edge"),
            ("trimtab-loop", "trimtab-serving"),
            ("trimtab-table", "trimtab-db"),
            ("trimtab-table", "trimtab-blob"),
            ("trimtab-blob", "trimtab-db"),
            ("trimtab-telemetry", "trimtab-types"),
        ] {
            assert!(check_one(from, &[to]).is_empty(), "{from} -> {to}");
        }
        for (from, to) in [
            ("trimtab-serving", "trimtab-registry"),
            ("trimtab-registry", "trimtab-loop"),
            ("trimtab-edge", "trimtab-edge-oip"),
            ("trimtab-edge-oip", "trimtab-edge-api"),
            ("trimtab-db", "trimtab-blob"),
            ("trimtab-types", "trimtab-telemetry"),
            ("trimtab-events", "trimtab-stats"),
        ] {
            assert_eq!(check_one(from, &[to]).len(), 1, "{from} -> {to}");
        }
    }

    #[test]
    fn an_arrow_up_is_named_with_both_floors() {
        assert_eq!(
            check_one("trimtab-db", &["trimtab-tracking"]),
            [
                "`trimtab-db` (floor 1) may not use `trimtab-tracking` (floor 3): only floors below its own"
            ]
        );
        assert_eq!(
            check_one("trimtab-edge-api", &["trimtab-wiring"]),
            [
                "`trimtab-edge-api` (floor 4) may not use `trimtab-wiring` (floor 4½): only floors below its own"
            ]
        );
    }

    #[test]
    fn tests_keep_to_the_floors_too() {
        let mut package = package("trimtab-db", &["trimtab-data"]);
        package.dependencies[0].is_dev = true;
        assert_eq!(check(&[package]).len(), 1);
    }

    #[test]
    fn heavy_guests_stay_in_their_room() {
        assert_eq!(
            check_one("trimtab-monitor", &["datafusion"]),
            ["`trimtab-monitor` may not use `datafusion`, which is kept in trimtab-query"]
        );
        assert_eq!(check_one("trimtab-stats", &["tokio"]).len(), 1);
        assert_eq!(check_one("trimtab-registry", &["anyhow"]).len(), 1);
    }

    #[test]
    fn a_crate_without_a_floor_is_refused() {
        assert_eq!(check_one("trimtab-attic", &[]).len(), 1);
        assert_eq!(check_one("trimtab-db", &["xtask"]).len(), 1);
        let mut package = package("trimtab-db", &[]);
        package.folder = "crates/database".into();
        assert_eq!(check(&[package]).len(), 1);
    }
}
