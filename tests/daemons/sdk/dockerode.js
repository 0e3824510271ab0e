// dockerode.js SOCKET VERSION: what dockerode makes of the daemon at SOCKET ("default": no version in
// the path). The lines it prints are those of docker_py.py.
'use strict';

const { PassThrough, Readable } = require('stream');
const zlib = require('zlib');
const Docker = require('dockerode');

const [socketPath, version] = process.argv.slice(2);
const docker = new Docker(version === 'default' ? { socketPath } : { socketPath, version });
const made = [];

// --- what two runs have in common --------------------------------------------------------------------

function same(text) {
  return String(text)
    .replace(/\b[0-9a-f]{64}\b/g, '<id64>')
    .replace(/\b[0-9a-f]{12}\b/g, '<id12>')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, '<time>');
}

// Names and types of a document, of a list's items those of the first.
function shape(value) {
  if (Array.isArray(value)) return value.slice(0, 1).map(shape);
  if (value === null || typeof value !== 'object') {
    return value === null || typeof value === 'boolean' ? value : typeof value;
  }
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, shape(value[key])]));
}

async function refused(promise) {
  let found;
  try {
    found = await promise;
  } catch (error) {
    return [error.statusCode, error.reason, same(error.message)];
  }
  throw new Error(`no error but ${JSON.stringify(found)}`);
}

const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

function bytes(stream) {
  return new Promise((resolve, reject) => {
    const pieces = [];
    stream.on('data', (piece) => pieces.push(Buffer.from(piece)));
    stream.on('end', () => resolve(Buffer.concat(pieces)));
    stream.on('error', reject);
  });
}

// Both streams of a multiplexed answer, by dockerode's own demultiplexer.
function demuxed(stream) {
  return new Promise((resolve, reject) => {
    const found = { out: '', err: '' };
    const out = new PassThrough();
    const err = new PassThrough();
    out.on('data', (piece) => (found.out += piece));
    err.on('data', (piece) => (found.err += piece));
    docker.modem.demuxStream(stream, out, err);
    stream.on('end', () => setImmediate(() => resolve(found)));
    stream.on('error', reject);
  });
}

// Resolves as soon as the stream has said what is wanted.
function said(stream, wanted) {
  return new Promise((resolve) => {
    let text = '';
    stream.on('data', (piece) => {
      text += piece;
      if (text.includes(wanted)) resolve();
    });
  });
}

function progress(stream) {
  return new Promise((resolve) => {
    docker.modem.followProgress(stream, (error, lines) =>
      resolve({ error: error && same(error.message), lines: JSON.parse(same(JSON.stringify(lines || []))) }));
  });
}

// A tar stream of small files, made by hand: no package for it is dockerode's own.
function tar(files) {
  const pieces = [];
  for (const [name, content] of Object.entries(files)) {
    const data = Buffer.from(content);
    const head = Buffer.alloc(512);
    const put = (text, at) => head.write(text, at, 'latin1');
    put(name, 0);
    put('0000644\0' + '0000000\0' + '0000000\0', 100);
    put(data.length.toString(8).padStart(11, '0') + '\0' + '00000000001\0', 124);
    put('        0', 148);
    put('ustar\0' + '00', 257);
    const sum = head.reduce((total, byte) => total + byte, 0);
    put(sum.toString(8).padStart(6, '0') + '\0 ', 148);
    pieces.push(head, data, Buffer.alloc((512 - (data.length % 512)) % 512));
  }
  return Buffer.concat([...pieces, Buffer.alloc(1024)]);
}

// The names and sizes in a tar stream.
function listing(data) {
  const found = [];
  for (let at = 0; at + 512 <= data.length && data[at] !== 0; ) {
    const name = data.toString('latin1', at, at + 100).replace(/\0.*/s, '');
    const size = parseInt(data.toString('latin1', at + 124, at + 135), 8) || 0;
    found.push([same(name), size]);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return found.sort();
}

// The daemon may end an exec's output before it knows the exit code.
async function codeOf(exec) {
  for (let left = 100; left > 0; left--) {
    const found = await exec.inspect();
    if (!found.Running && found.ExitCode !== null) return found.ExitCode;
    await sleep(50);
  }
  return null;
}

async function create(Cmd, options = {}) {
  const { HostConfig = {}, ...others } = options;
  const container = await docker.createContainer({
    Image: 'base:latest',
    Cmd,
    HostConfig: { NetworkMode: 'none', ...HostConfig },
    ...others,
  });
  made.push(container);
  return container;
}

async function started(Cmd, options) {
  const container = await create(Cmd, options);
  await container.start();
  return container;
}

const READER = ['sh', '-c', 'read -r line; echo "got $line"; echo "no more" >&2; cat; echo end; exit 6'];

// --- the scenarios -----------------------------------------------------------------------------------

const scenarios = {
  async version_info_ping_df() {
    return [await docker.version(), String(await docker.ping()), shape(await docker.info()), shape(await docker.df())];
  },

  async images() {
    const image = docker.getImage('base:latest');
    await image.tag({ repo: 'other', tag: '1' });
    const outcome = [
      (await docker.listImages()).map((found) => found.RepoTags.sort()),
      (await docker.listImages({ filters: { reference: ['base'] }, digests: true })).length,
      // Metadata tells when it was tagged last.
      { ...(await image.inspect()), Metadata: null },
      await image.history(),
      await docker.getImage('other:1').remove(),
    ];
    outcome.push(await refused(docker.getImage('missing:1').inspect()));
    outcome.push(await refused(docker.getImage('missing:1').remove()));
    outcome.push(await refused(image.tag({ repo: 'UPPER' })));
    return outcome;
  },

  async image_import_save_load() {
    const stream = await docker.importImage(Readable.from([tar({ hello: 'hello\n' })]), {
      repo: 'imported',
      tag: '1',
    });
    const imported = await progress(stream);
    await docker.getImage('imported:1').remove();
    await docker.getImage('base:latest').tag({ repo: 'saved', tag: '1' });
    const data = await bytes(await docker.getImage('saved:1').get());
    await docker.getImage('saved:1').remove();
    const loaded = await progress(await docker.loadImage(Readable.from([data])));
    const quietly = await progress(await docker.loadImage(Readable.from([data]), { quiet: true }));
    await docker.getImage('saved:1').remove();
    return [imported, listing(data), loaded, quietly];
  },

  async image_build() {
    const context = tar({ Dockerfile: 'FROM base:latest\nRUN echo built && echo built >/built\n' });
    const how = { networkmode: 'none', nocache: true };
    const built = await docker.buildImage(Readable.from([context]), { t: 'built:1', labels: { a: 'b' }, ...how });
    const outcome = [await progress(built)];
    const zipped = Readable.from([zlib.gzipSync(context)]);
    outcome.push((await progress(await docker.buildImage(zipped, { t: 'built:1', q: true, ...how }))).lines);
    outcome.push((await docker.getImage('built:1').inspect()).RepoTags);
    await docker.getImage('built:1').remove();
    const failing = Readable.from([tar({ Dockerfile: 'FROM base:latest\nRUN exit 7\n' })]);
    outcome.push(await progress(await docker.buildImage(failing, how)));
    const nonsense = Readable.from([tar({ Dockerfile: 'NONSENSE\n' })]);
    outcome.push(await refused(docker.buildImage(nonsense, how)));
    return outcome;
  },

  async what_needs_a_swarm_or_a_registry() {
    return [
      await refused(docker.listServices()),
      await refused(docker.listNodes()),
      await refused(docker.listTasks()),
      await refused(docker.listSecrets()),
      await refused(docker.listConfigs()),
      await refused(docker.swarmInspect()),
      await refused(docker.checkAuth({ username: 'name', password: 'secret', serveraddress: '127.0.0.1:1' })),
      await refused(docker.pull('127.0.0.1:1/team/absent:1')),
      await refused(docker.searchImages({ term: '127.0.0.1:1/absent' })),
      (await docker.listPlugins()).length,
    ];
  },

  async run() {
    const out = new PassThrough();
    const text = bytes(out);
    const [data, container] = await docker.run('base:latest', ['sh', '-c', 'sleep 0.2; echo hello; ls /bin/sh'], out, {
      Tty: true,
      HostConfig: { NetworkMode: 'none' },
    });
    made.push(container);
    out.end();
    return [data.StatusCode, String(await text)];
  },

  async attach_with_hijack() {
    const container = await create(READER, { OpenStdin: true, StdinOnce: true });
    const stream = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true });
    const all = demuxed(stream);
    await container.start();
    stream.write('first\n');
    await said(stream, 'no more');
    stream.write('x'.repeat(200000) + '\n');
    stream.end();
    const { out, err } = await all;
    return [out.length, out.slice(0, 20), out.slice(-8), err, (await container.wait()).StatusCode];
  },

  async attach_with_a_terminal() {
    const loop = 'while read -r line; do echo "got $line"; [ "$line" != end ] || exit 7; done';
    const container = await create(['sh', '-c', loop], { OpenStdin: true, Tty: true });
    const stream = await container.attach({ stream: true, hijack: true, stdin: true, stdout: true, stderr: true });
    const all = bytes(stream);
    await container.start();
    await container.resize({ h: 40, w: 100 });
    stream.write('hello\n');
    await said(stream, 'got hello\r\n');
    stream.write('end\n');
    return [String(await all), (await container.wait()).StatusCode];
  },

  async attach_without_hijack() {
    const container = await create(['sh', '-c', 'sleep 0.3; echo out; sleep 0.1; echo err >&2']);
    const stream = await container.attach({ stream: true, stdout: true, stderr: true });
    const all = demuxed(stream);
    await container.start();
    return [await all, await refused(docker.getContainer('missing').attach({ stream: true, stdout: true }))];
  },

  async exec() {
    const container = await started(['sleep', '1000']);
    const script = ['sh', '-c', 'echo out; sleep 0.2; echo err >&2; exit 5'];
    const plain = await container.exec({ Cmd: script, AttachStdout: true, AttachStderr: true });
    const before = shape(await plain.inspect());
    const outcome = [before, await demuxed(await plain.start({}))];
    outcome.push(await codeOf(plain));

    const reading = await container.exec({ Cmd: READER, AttachStdin: true, AttachStdout: true, AttachStderr: true });
    const stream = await reading.start({ hijack: true, stdin: true });
    const all = demuxed(stream);
    stream.write('first\n');
    await said(stream, 'no more');
    stream.write('second\n');
    stream.end();
    outcome.push(await all, await codeOf(reading));

    const typed = await container.exec({
      Cmd: ['sh', '-c', 'read -r a; echo "<$a>"; pwd; exit 2'],
      AttachStdin: true,
      AttachStdout: true,
      Tty: true,
      WorkingDir: '/tmp',
      Env: ['A=b'],
    });
    const terminal = await typed.start({ hijack: true, stdin: true, Tty: true });
    const text = bytes(terminal);
    await typed.resize({ h: 30, w: 90 });
    terminal.write('typed\n');
    outcome.push(String(await text), await codeOf(typed));

    const detached = await container.exec({ Cmd: ['true'] });
    outcome.push(String(await bytes(await detached.start({ Detach: true }))));
    await container.pause();
    outcome.push(await refused(container.exec({ Cmd: ['true'] })));
    await container.unpause();
    outcome.push(await refused(docker.getExec('missing').inspect()));
    outcome.push(await refused(docker.getExec('missing').start({})));
    outcome.push(await refused(docker.getContainer('missing').exec({ Cmd: ['true'] })));
    return outcome;
  },

  async logs() {
    const container = await started(['sh', '-c', 'for i in 1 2 3 4; do echo $i; sleep 0.2; done; echo e >&2; exit 4']);
    const followed = await demuxed(await container.logs({ follow: true, stdout: true, stderr: true }));
    const code = (await container.wait()).StatusCode;
    const once = await container.logs({ stdout: true, stderr: true, timestamps: true, tail: 2 });
    return [followed, code, same(once.toString('latin1')), String(await container.logs({ stdout: true, tail: 0 }))];
  },

  async logs_left_early() {
    const container = await started(['sh', '-c', 'while :; do echo line; sleep 0.02; done']);
    const stream = await container.logs({ follow: true, stdout: true });
    await said(stream, 'line\n');
    stream.destroy();
    const stop = new AbortController();
    const waiting = refused(container.wait({ abortSignal: stop.signal }));
    await sleep(200);
    stop.abort();
    return waiting;
  },

  async stats_and_top() {
    const container = await started(['sleep', '1000']);
    const one = Object.keys(await container.stats({ stream: false })).sort();
    const shot = Object.keys(await container.stats({ stream: false, 'one-shot': true })).sort();
    const stream = await container.stats({ stream: true });
    const several = await new Promise((resolve) => {
      const lines = [];
      stream.on('data', (piece) => {
        lines.push(...String(piece).split('\n').filter(Boolean));
        if (lines.length >= 2) resolve(lines.slice(0, 2).map((line) => Object.keys(JSON.parse(line)).sort()));
      });
    });
    stream.destroy();
    const top = await container.top({ ps_args: '-o pid,args' });
    return [one, shot, several, top.Titles, top.Processes.map((line) => line.slice(1))];
  },

  async archives() {
    const container = await started(['sleep', '1000']);
    const put = await container.putArchive(tar({ one: '1\n', two: '2'.repeat(100000) }), { path: '/tmp' });
    const streamed = await container.putArchive(Readable.from([zlib.gzipSync(tar({ three: '3\n' }))]), {
      path: '/tmp',
    });
    const got = await bytes(await container.getArchive({ path: '/tmp' }));
    const info = await container.infoArchive({ path: '/tmp/two' });
    const stat = JSON.parse(Buffer.from(info.headers?.['x-docker-container-path-stat'] ?? 'e30=', 'base64'));
    delete stat.mtime;
    return [
      String(put),
      String(streamed),
      listing(got),
      stat,
      (await container.changes()).map((change) => JSON.stringify(change)).sort(),
      listing(await bytes(await container.export())).filter(([name]) => name.startsWith('tmp/')),
      await refused(container.getArchive({ path: '/missing' })),
      await refused(container.putArchive(tar({ one: '' }), { path: '/missing' })),
      await refused(container.putArchive(Buffer.from('\xfd7zXZ\0garbage', 'latin1'), { path: '/tmp' })),
    ];
  },

  async commit() {
    const container = await started(['sh', '-c', 'echo new >/new']);
    await container.wait();
    const found = await container.commit({ repo: 'grown', tag: '1', comment: 'why', author: 'who', changes: 'ENV A=b' });
    const image = await docker.getImage('grown:1').inspect();
    await docker.getImage('grown:1').remove();
    return [same(JSON.stringify(found)), image.Comment, image.Author, image.Config.Env];
  },

  async create_inspect_list() {
    const container = await create(['sleep', '1000'], {
      name: 'box',
      Env: ['A=1'],
      Labels: { k: 'v' },
      ExposedPorts: { '80/tcp': {} },
      Volumes: { '/data': {} },
      StopSignal: 'SIGINT',
      Healthcheck: { Test: ['CMD', 'true'], Interval: 1e9 },
      HostConfig: {
        Memory: 64 << 20,
        CapDrop: ['ALL'],
        Binds: ['vol:/vol'],
        RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
        Ulimits: [{ Name: 'nofile', Soft: 64, Hard: 64 }],
        LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
        Tmpfs: { '/run': 'size=1m' },
      },
    });
    const outcome = [shape(await container.inspect())];
    await container.start();
    outcome.push((await docker.listContainers({ filters: { label: ['k=v'], status: ['running'] } })).map(shape));
    outcome.push(shape(await docker.listContainers({ all: true, size: true, limit: 1 })));
    outcome.push(await docker.listContainers({ filters: '{"name":["nobody"]}' }));
    outcome.push(shape(await container.inspect({ size: true })));
    outcome.push(await refused(docker.listContainers({ filters: { nonsense: ['1'] } })));
    outcome.push(await refused(docker.getContainer('missing').inspect()));
    outcome.push(await refused(create(['true'], { name: 'box' })));
    outcome.push(await refused(create(['true'], { name: 'bad name' })));
    outcome.push(await refused(create(['true'], { Image: 'missing:1' })));
    await container.remove({ force: true, v: true });
    await docker.getVolume('vol').remove();
    return outcome;
  },

  async life() {
    const loop = ['sh', '-c', "trap 'exit 9' USR1; while :; do sleep 0.05; done"];
    const container = await started(loop, { name: 'life' });
    const outcome = [];
    const now = async () => {
      const { Name, State } = await container.inspect();
      outcome.push([Name, State.Status, State.ExitCode]);
    };
    const empty = async (promise) => outcome.push(String(await promise));
    await empty(container.pause());
    await now();
    outcome.push(await refused(container.pause()));
    await empty(container.unpause());
    await empty(container.rename({ name: 'other' }));
    outcome.push(same(JSON.stringify(await container.update({ Memory: 64 << 20, MemorySwap: 128 << 20 }))));
    outcome.push(await refused(container.update({ Memory: 1 })));
    await empty(container.restart({ t: 0 }));
    await now();
    outcome.push(await refused(container.start()));
    outcome.push(await refused(container.remove()));
    const waiting = container.wait({ condition: 'next-exit' });
    await sleep(300);
    await empty(container.kill({ signal: 'USR1' }));
    outcome.push((await waiting).StatusCode);
    await now();
    outcome.push(await refused(container.kill()));
    await empty(container.start());
    await empty(container.stop({ t: 0 }));
    outcome.push(await refused(container.stop()));
    await empty(container.remove({ v: true }));
    outcome.push(await refused(container.wait()), await refused(container.remove()));
    return outcome;
  },

  async events() {
    const since = Math.floor(Date.now() / 1000);
    const live = await docker.getEvents({ filters: { type: ['container'], event: ['die'] } });
    const seen = said(live, '"die"');
    const container = await started(['sh', '-c', 'exit 3']);
    await container.wait();
    await seen;
    live.destroy();
    const until = Math.floor(Date.now() / 1000) + 1;
    const past = await bytes(await docker.getEvents({ since, until, filters: { container: [container.id] } }));
    const lines = String(past).split('\n').filter(Boolean).map((line) => JSON.parse(line));
    return [
      lines.map((event) => [event.Type, event.Action]),
      lines.slice(0, 1).map(shape),
    ];
  },

  async volumes_and_networks() {
    const volume = await docker.createVolume({ Name: 'vol', Labels: { k: 'v' } });
    const outcome = [
      shape(await volume.inspect()),
      shape(await docker.listVolumes({ filters: { name: ['vol'] } })),
      String(await volume.remove()),
      await refused(docker.getVolume('vol').inspect()),
      await refused(docker.createVolume({ Name: 'bad name' })),
      (await docker.listNetworks()).map((found) => found.Name).sort(),
      shape(await docker.listNetworks({ filters: { driver: ['host'] } })),
      shape(await docker.getNetwork('none').inspect()),
      await refused(docker.getNetwork('missing').inspect()),
      await refused(docker.getNetwork('none').remove()),
      await refused(docker.getNetwork('none').connect({ Container: 'missing' })),
      await refused(docker.createNetwork({ Name: 'second', Driver: 'null' })),
    ];
    return outcome;
  },

  async prune() {
    await (await started(['true'])).wait();
    await docker.pruneImages();
    return [
      (await docker.pruneContainers()).ContainersDeleted.length,
      await docker.pruneContainers({ filters: { until: ['1h'] } }),
      await docker.pruneVolumes(),
      await docker.pruneImages({ filters: { dangling: ['true'] } }),
      await docker.pruneNetworks(),
      shape(await docker.pruneBuilder()),
    ];
  },

  async many_at_once() {
    const container = await started(['sleep', '1000']);
    const found = await Promise.all(
      Array.from({ length: 40 }, async (_, number) =>
        number % 2 ? (await container.inspect()).State.Status : (await docker.listImages()).length));
    return found;
  },
};

async function main() {
  for (const [name, scenario] of Object.entries(scenarios)) {
    console.log(`begin ${name}`);
    try {
      console.log(`end ${name} ${JSON.stringify(await scenario())}`);
    } catch (error) {
      console.log(`failed ${name} ${JSON.stringify(same(error.stack))}`);
    }
    for (const container of made.splice(0)) {
      await container.remove({ force: true, v: true }).catch((error) => {
        if (error.statusCode !== 404) throw error;
      });
    }
  }
  // A connection that is kept must not keep the process.
  process.exit(0);
}

main();
