//! Puts the built console (`ui/dist`) into the binary, each file as it is and compressed. A build without it, or
//! without the feature `ui`, works: the page then says how to build it.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

/// Files that are compressed already gain nothing.
const PACKED: &[&str] = &["png", "jpg", "webp", "woff2", "gz"];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../ui");
    let out = PathBuf::from(env::var("OUT_DIR").unwrap_or_default());
    let dist = root.join("dist");
    // A missing path would be "changed" in every build; so watch the folder in which it would appear.
    let watched = [&dist, &root].into_iter().find(|path| path.exists());
    if let Some(watched) = watched {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if env::var_os("CARGO_FEATURE_UI").is_some() && dist.exists() {
        collect(&dist, &mut files)?;
    }
    files.sort();
    let mut table = String::from("static FILES: &[File] = &[\n");
    for (index, file) in files.iter().enumerate() {
        let name = file.strip_prefix(&dist).map_err(io::Error::other)?;
        let name = name.to_string_lossy().replace('\\', "/");
        let content = fs::read(file)?;
        let packed = out.join(format!("console-{index}.gz"));
        let is_packed = file
            .extension()
            .is_some_and(|suffix| PACKED.iter().any(|packed| suffix == *packed));
        let compressed = if is_packed {
            "None".to_owned()
        } else {
            let mut encoder = GzEncoder::new(fs::File::create(&packed)?, Compression::best());
            encoder.write_all(&content)?;
            encoder.finish()?;
            format!("Some(include_bytes!({:?}))", packed.display().to_string())
        };
        let tag = format!("\"{:016x}\"", fnv(&content));
        writeln!(
            table,
            "    File {{ path: {name:?}, tag: {tag:?}, plain: include_bytes!({:?}), gzip: {compressed} }},",
            file.canonicalize()?.display().to_string(),
        )
        .map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    fs::write(out.join("console.rs"), table)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// FNV-1a, for the entity tag: it tells builds apart and defends against nothing.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
