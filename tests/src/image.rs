//! Container images, made from programs on this machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::binaries::Binaries;

/// The host name in the images' names; the registry answers for it.
pub(crate) const HOST: &str = "test.local";

/// An image of one layer, as a registry serves it.
pub(crate) struct Image {
    pub(crate) repository: String,
    pub(crate) manifest: Bytes,
    pub(crate) blobs: Vec<(String, Bytes)>,
}

impl Image {
    /// What a run needs: something to step through, Tekton's own helpers, a sandbox, and a program that reads
    /// `TRACEPARENT`.
    pub(crate) fn all(binaries: &Binaries) -> Result<Vec<Self>> {
        let mut images = vec![
            busybox("busybox", &[])?,
            // The sandbox only holds the namespaces, whatever it runs.
            busybox("pause", &["/bin/busybox", "sleep", "2147483647"])?,
            slow()?,
            with_program("otel-cli", &binaries.otel_cli().join("otel-cli"))?,
        ];
        for name in ["entrypoint", "nop", "workingdirinit", "sidecarlogresults"] {
            images.push(tekton(name, &binaries.tekton(name))?);
        }
        Ok(images)
    }

    fn new(repository: &str, layer: Layer, process: &Value) -> Result<Self> {
        let layer = Bytes::from(layer.0.into_inner()?);
        let layer_digest = digest(&layer);
        let config = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": process,
            "rootfs": {"type": "layers", "diff_ids": [layer_digest]},
        });
        let config = Bytes::from(serde_json::to_vec(&config)?);
        let config_digest = digest(&config);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": config_digest,
                "size": config.len(),
            },
            "layers": [{
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": layer_digest,
                "size": layer.len(),
            }],
        });
        Ok(Self {
            repository: repository.to_owned(),
            manifest: Bytes::from(serde_json::to_vec(&manifest)?),
            blobs: vec![(config_digest, config), (layer_digest, layer)],
        })
    }
}

/// The repository of the image that is slow to fetch.
pub(crate) const SLOW: &str = "slow";

/// The media type of a manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", const_hex::encode(Sha256::digest(bytes)))
}

fn busybox(repository: &str, command: &[&str]) -> Result<Image> {
    Image::new(repository, Layer::busybox()?, &json!({"Env": [PATH], "Cmd": command}))
}

/// The one that the registry takes its time for. Its layer is no other image's, so that it has to be fetched.
fn slow() -> Result<Image> {
    let mut layer = Layer::busybox()?;
    layer.file("etc/slow", b"slow", 0o644)?;
    Image::new(SLOW, layer, &json!({"Env": [PATH]}))
}

fn with_program(repository: &str, program: &Path) -> Result<Image> {
    let mut layer = Layer::busybox()?;
    layer.program(&format!("bin/{repository}"), program)?;
    Image::new(repository, layer, &json!({"Env": [PATH]}))
}

/// Tekton asks for its helpers where `ko` puts them.
fn tekton(name: &str, program: &Path) -> Result<Image> {
    let mut layer = Layer::new()?;
    layer.program(&format!("ko-app/{name}"), program)?;
    Image::new(name, layer, &json!({"Env": [PATH], "Entrypoint": [format!("/ko-app/{name}")]}))
}

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/ko-app";

struct Layer(tar::Builder<Vec<u8>>);

impl Layer {
    fn new() -> Result<Self> {
        let mut layer = Self(tar::Builder::new(Vec::new()));
        layer.directory("tmp/", 0o1777)?;
        layer.directory("bin/", 0o755)?;
        layer.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532::/tmp:/bin/sh\n", 0o644)?;
        layer.file("etc/group", b"root:x:0:\nnonroot:x:65532:\n", 0o644)?;
        Ok(layer)
    }

    fn busybox() -> Result<Self> {
        let mut layer = Self::new()?;
        layer.program("bin/busybox", Path::new("/bin/busybox"))?;
        layer.program("bin/bash", Path::new("/bin/bash-static"))?;
        let applets = Command::new("/bin/busybox").arg("--list").output()?.stdout;
        for applet in String::from_utf8(applets)?.lines().filter(|&applet| applet != "busybox" && applet != "bash") {
            layer.link(&format!("bin/{applet}"), "/bin/busybox")?;
        }
        // Scripts begin with `#!/usr/bin/env`.
        for directory in ["usr/bin", "usr/local/bin"] {
            layer.link(directory, "/bin")?;
        }
        Ok(layer)
    }

    fn link(&mut self, path: &str, target: &str) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        Ok(self.0.append_link(&mut header, path, target)?)
    }

    fn program(&mut self, path: &str, source: &Path) -> Result<()> {
        let bytes = fs::read(source).with_context(|| source.display().to_string())?;
        self.file(path, &bytes, 0o755)
    }

    fn file(&mut self, path: &str, bytes: &[u8], mode: u32) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        Ok(self.0.append_data(&mut header, path, bytes)?)
    }

    fn directory(&mut self, path: &str, mode: u32) -> Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        header.set_mode(mode);
        Ok(self.0.append_data(&mut header, path, [].as_slice())?)
    }
}
