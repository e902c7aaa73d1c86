//! Core module or component: the first eight bytes tell.

/// What a WebAssembly binary is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A core module.
    Module,
    /// A component.
    Component,
}

impl Kind {
    /// Reads the preamble: magic, version, layer.
    /// See <https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md>.
    pub fn of(bytes: &[u8]) -> Result<Self, String> {
        let Some((preamble, _)) = bytes.split_first_chunk::<8>() else {
            return Err(format!("it is {} bytes long, shorter than any WebAssembly binary", bytes.len()));
        };
        let [m0, m1, m2, m3, v0, v1, l0, l1] = *preamble;
        if [m0, m1, m2, m3] != *b"\0asm" {
            return Err("it does not begin with the WebAssembly magic number".into());
        }
        match (u16::from_le_bytes([v0, v1]), u16::from_le_bytes([l0, l1])) {
            (1, 0) => Ok(Self::Module),
            (0x0d, 1) => Ok(Self::Component),
            (version, 0) => Err(format!("it is a core module of version {version}; version 1 is understood")),
            (version, 1) => {
                Err(format!("it is a component of binary version {version:#x}; version 0xd is understood"))
            }
            (_, layer) => Err(format!("it is neither a core module nor a component (layer {layer})")),
        }
    }
}
