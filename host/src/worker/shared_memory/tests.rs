use horus_app::log::{Level, Record, Sink};
use parking_lot::Mutex;

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Sink for Lines {
    fn accepts(&self, _category: &str, _level: Level) -> bool {
        true
    }

    fn write(&self, record: Record<'_>) {
        self.0.lock().push(record.message.to_owned());
    }
}

struct Place {
    folder: tempfile::TempDir,
    settings: Settings,
}

fn place(directories: &[&str]) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let listed: Vec<String> = directories
        .iter()
        .map(|name| folder.path().join(name))
        .inspect(|path| std::fs::create_dir_all(path).unwrap())
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    let settings = Settings::default().with(SETTING, "1").with(DIRECTORIES_SETTING, listed.join(", "));
    Place { folder, settings }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

fn regions(folder: &Path) -> Vec<PathBuf> {
    files(folder).into_iter().filter(|path| path.extension().is_none_or(|found| found != "lock")).collect()
}

fn input(data: Data) -> ParameterBinding {
    let data = TypedData { data: Some(data) };
    ParameterBinding { name: "value".into(), rpc_data: Some(RpcData::Data(data)) }
}

fn is_shared(input: &ParameterBinding) -> bool {
    matches!(input.rpc_data, Some(RpcData::RpcSharedMemory(_)))
}

/// worker-protocol.md §16: bytes and strings of at least 1 MiB, a string counting two bytes per character, and nothing
/// else.
#[test]
fn only_large_bytes_and_strings_are_eligible() {
    let table = [
        (Data::Bytes(vec![0; SMALLEST].into()), true),
        (Data::Bytes(vec![0; SMALLEST - 1].into()), false),
        (Data::String("x".repeat(SMALLEST / 2)), true),
        (Data::String("x".repeat(SMALLEST / 2 - 1)), false),
        // Two bytes each in UTF-8, one unit each in UTF-16.
        (Data::String("ü".repeat(SMALLEST / 2)), true),
        (Data::String("ü".repeat(SMALLEST / 2 - 1)), false),
        (Data::Json("1".repeat(SMALLEST * 2)), false),
        (Data::Int(1), false),
    ];
    for (data, expected) in table {
        assert_eq!(is_eligible(&data), expected);
    }
}

/// worker-protocol.md §16: the layout of a region, and that it goes when the invocation ends, however it ends.
#[tokio::test]
async fn regions_have_the_platforms_layout_and_go_with_their_value() {
    let place = place(&["shm"]);
    let memory = SharedMemory::open(&place.settings, &Log::discard()).unwrap();
    let room = memory.room("worker");
    let content = vec![7; SMALLEST];
    let mut inputs = [input(Data::Bytes(content.clone().into())), input(Data::String("small".into()))];
    let held = room.share(&mut inputs).await;
    assert!(is_shared(&inputs[0]) && !is_shared(&inputs[1]));
    let found = regions(place.folder.path());
    assert_eq!(found.len(), 1);
    assert!(found[0].parent().unwrap().ends_with("AzureFunctions"), "{found:?}");
    let file = std::fs::read(&found[0]).unwrap();
    assert_eq!(file[0], 1);
    assert_eq!(file[1..9], (content.len() as i64).to_le_bytes());
    assert_eq!(file[9..], content);
    let Some(RpcData::RpcSharedMemory(region)) = &inputs[0].rpc_data else { panic!("shared") };
    assert_eq!((region.offset, region.count), (0, content.len() as i64));
    assert_eq!(region.r#type(), RpcDataType::Bytes);
    let read = room.read(region.clone()).await.unwrap();
    assert_eq!(read.data, Some(Data::Bytes(content.into())));
    drop(held);
    assert!(regions(place.folder.path()).is_empty());
    drop((room, memory));
    assert!(files(place.folder.path()).is_empty(), "nothing is left of the host");
}

/// A folder without room is passed over; without any, values travel over the stream as before.
#[tokio::test]
async fn without_room_values_stay_in_the_message() {
    let place = place(&["full", "other"]);
    let memory = SharedMemory::open(&place.settings, &Log::discard()).unwrap();
    let room = memory.room("worker");
    let text = Data::String("x".repeat(SMALLEST));
    std::fs::remove_dir_all(&room.bases[0]).unwrap();
    let mut inputs = [input(text.clone())];
    let held = room.share(&mut inputs).await;
    assert!(is_shared(&inputs[0]));
    assert!(regions(place.folder.path())[0].starts_with(place.folder.path().join("other")));
    drop(held);
    std::fs::remove_dir_all(&room.bases[1]).unwrap();
    let mut inputs = [input(text.clone())];
    assert!(room.share(&mut inputs).await.is_empty());
    assert_eq!(inputs[0], input(text));
}

/// Whatever a worker may claim about a region is an error of that output, never more.
#[tokio::test]
async fn broken_regions_are_told() {
    let place = place(&["shm"]);
    let memory = SharedMemory::open(&place.settings, &Log::discard()).unwrap();
    let room = memory.room("worker");
    let write = |name: &str, content: &[u8]| {
        std::fs::write(room.bases[0].join(SUFFIX).join(name), content).unwrap();
    };
    let with_length =
        |flag: u8, length: i64, content: &[u8]| [&[flag][..], &length.to_le_bytes(), content].concat();
    write("short", &[1, 2]);
    write("blank", &with_length(0, 2, b"ab"));
    write("lies", &with_length(1, 1 << 40, b"ab"));
    write("good", &with_length(1, 4, b"\xffabc"));
    let table: [(&str, i64, i64, RpcDataType, &str); 10] = [
        ("../short", 0, 1, RpcDataType::Bytes, "invalid shared memory name"),
        ("absent", 0, 1, RpcDataType::Bytes, "cannot be read"),
        ("short", 0, 1, RpcDataType::Bytes, "cannot be read"),
        ("blank", 0, 2, RpcDataType::Bytes, "not initialised"),
        ("lies", 0, 1 << 40, RpcDataType::Bytes, "do not fit"),
        ("lies", 0, 1 << 30, RpcDataType::Bytes, "too short"),
        ("good", -1, 2, RpcDataType::Bytes, "do not fit"),
        ("good", i64::MAX, 2, RpcDataType::Bytes, "do not fit"),
        ("good", 0, 4, RpcDataType::String, "not UTF-8"),
        ("good", 0, 4, RpcDataType::Http, "neither bytes nor text"),
    ];
    for (name, offset, count, kind, expected) in table {
        let region = RpcSharedMemory { name: name.into(), offset, count, r#type: kind.into() };
        let error = room.read(region).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let region = |offset, count, kind: RpcDataType| RpcSharedMemory {
        name: "good".into(),
        offset,
        count,
        r#type: kind.into(),
    };
    let text = room.read(region(1, 3, RpcDataType::String)).await.unwrap();
    assert_eq!(text.data, Some(Data::String("abc".into())));
    assert_eq!(room.read(RpcSharedMemory::default()).await.unwrap().data, None, "the empty message is null");
    room.discard(&["good".into(), "../../short".into()]);
    assert!(room.read(region(0, 4, RpcDataType::Bytes)).await.is_err());
}

/// What a killed host has left is removed by the next one; what a living one uses is not.
#[test]
fn the_folders_of_dead_hosts_are_removed() {
    let place = place(&["shm"]);
    let shm = place.folder.path().join("shm");
    std::fs::create_dir_all(shm.join("horus-dead/worker/AzureFunctions")).unwrap();
    std::fs::write(shm.join("horus-dead/worker/AzureFunctions/region"), "x").unwrap();
    std::fs::write(shm.join("horus-dead.lock"), "").unwrap();
    std::fs::write(shm.join("somebody-elses.lock"), "").unwrap();
    let living = SharedMemory::open(&place.settings, &Log::discard()).unwrap();
    let room = living.room("worker");
    assert!(!shm.join("horus-dead").exists() && !shm.join("horus-dead.lock").exists());
    let other = SharedMemory::open(&place.settings, &Log::discard()).unwrap();
    assert!(room.bases[0].join(SUFFIX).is_dir() && shm.join("somebody-elses.lock").exists());
    drop(other);
    drop(room);
    assert!(living.folders[0].path.read_dir().unwrap().next().is_none(), "a worker's part goes with it");
}

/// Off unless asked for; folders that cannot be used are named.
#[test]
fn it_is_off_unless_the_setting_asks_for_it() {
    assert!(SharedMemory::open(&Settings::default(), &Log::discard()).is_none());
    let lines = Lines::default();
    let log = Log::new(lines.clone());
    let settings = Settings::default().with(SETTING, "true").with(DIRECTORIES_SETTING, "/proc/nowhere");
    assert!(SharedMemory::open(&settings, &log).is_none());
    let text = lines.0.lock().join("\n");
    assert!(text.contains("/proc/nowhere") && text.contains(DIRECTORIES_SETTING), "{text}");
}
