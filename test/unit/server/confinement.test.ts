import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeAppendFiles } from '../../../src/catalog/append-body.ts'
import type { LoadedTable } from '../../../src/catalog/catalog.ts'
import type { Update } from '../../../src/format/metadata-types.ts'
import { stringifyJson } from '../../../src/json.ts'
import { createLocalFileIO } from '../../../src/storage/local-file-io.ts'
import { SCHEMA } from '../../conformance/catalog-samples.ts'
import { CatalogAppLab } from '../../support/catalog-app.ts'
import { type ForeignSnapshot, foreignSnapshot } from '../../support/foreign-snapshots.ts'
import type { Json } from '../../support/rest-server.ts'

const MINE = '/v1/namespaces/silver/tables/mine'
const named = (name: string) => ({ namespace: ['silver'], name })

/** A writer of the table `mine`, and of the name `SECRET`, who may not read `secret`. */
interface Lab {
  readonly lab: CatalogAppLab
  readonly mine: LoadedTable
  readonly secret: LoadedTable
  readonly root: string
  readonly writer: string
  readonly admin: string
}

async function withLab(check: (lab: Lab) => Promise<void>): Promise<void> {
  await using lab = await CatalogAppLab.open()
  await lab.catalog.createNamespace(['silver'])
  const create = (name: string) => lab.catalog.createTable({ identifier: named(name), schema: SCHEMA })
  const created = await create('secret')
  const updates = await foreignSnapshot(created, { files: [`${created.metadata.location}/data/1.parquet`] })
  const change = { identifier: named('secret'), requirements: [], updates }
  const { tables } = await lab.catalog.commit([change], { idempotencyKey: 'secret' })
  const [secret] = tables
  assert.ok(secret)
  const mine = await create('mine')
  for (const name of ['mine', 'SECRET']) {
    await lab.store.access.addGrant({ role: 'writer', privilege: 'write', on: named(name) }, 1)
  }
  const [writer, admin] = [await lab.tokenFor('wanda', 'writer'), await lab.tokenFor('op', 'admin')]
  await check({ lab, mine, secret, root: lab.config.storage.root, writer, admin })
}

const commitTo = ({ lab, writer }: Lab, updates: readonly (Update | object)[]) =>
  lab.ask('POST', MINE, writer, { requirements: [], updates })

/** It is the caller's mistake, and the answer names what is wrong. */
async function assertRefused(what: string, response: Response, field: RegExp): Promise<void> {
  const body = (await response.json()) as Json
  assert.equal(response.status, 400, `${what}: ${stringifyJson(body)}`)
  assert.equal(body.error?.ingot?.code, 'REQUEST_INVALID', what)
  assert.match(String(body.error?.message), field, what)
  assert.ok(body.error?.ingot?.hint, what)
}

test('a writer of one table publishes no file that is not in its folder', () =>
  withLab(async lab => {
    const { mine, secret, root } = lab
    const [own, other] = [mine.metadata.location, secret.metadata.location]
    const folder = other.slice(other.lastIndexOf('/') + 1)
    const outside = [
      `${other}/data/1.parquet`,
      `${own}/../${folder}/data/1.parquet`,
      `${own}/data/../../${folder}/data/1.parquet`,
      `${own}/%2e%2e/${folder}/data/1.parquet`,
      `${own}/..%2f${folder}/1.parquet`,
      `${own}\\..\\${folder}\\1.parquet`,
      `${own}x/data/1.parquet`,
      `${own}-evil/1.parquet`,
      own,
      `${own}/`,
      `${root}/silver/1.parquet`,
      root,
      '',
      'data/1.parquet',
      '/etc/passwd',
      'file:/etc/passwd',
      'file:///etc/passwd',
      `${own}/data/1\u0000.parquet`,
      `${own}/data/1\n.parquet`,
      's3://bucket/1.parquet',
      own.replace('file:///', 'file://localhost/'),
      own.replace('file:///', 'hdfs:///'),
    ]
    for (const file of outside) {
      const updates = await foreignSnapshot(mine, { files: [`${own}/data/0.parquet`, file] })
      await assertRefused(
        stringifyJson(file),
        await commitTo(lab, updates),
        /^file_path in file:.* is not inside/s,
      )
    }
    const others: readonly ForeignSnapshot[] = [
      { files: [outside[0] ?? ''], content: 'position-deletes' },
      { files: [outside[0] ?? ''], content: 'equality-deletes' },
      { files: [outside[0] ?? ''], status: 'existing' },
      { files: [outside[0] ?? ''], status: 'deleted' },
    ]
    for (const snapshot of others) {
      const updates = await foreignSnapshot(mine, snapshot)
      await assertRefused(stringifyJson(snapshot), await commitTo(lab, updates), /^file_path in /)
    }
    assert.deepEqual(await lab.lab.catalog.loadTable(named('mine')), mine)
    assert.equal((await lab.lab.ask('GET', '/healthz')).status, 200)
  }))

test('nor a manifest, a list of them or a file of statistics of another table, nor any that is none', () =>
  withLab(async lab => {
    const { mine, secret } = lab
    const [own, other] = [mine.metadata.location, secret.metadata.location]
    const io = createLocalFileIO()
    const [stolen] = secret.metadata.snapshots
    assert.ok(stolen)
    const list = stolen['manifest-list']
    const manifests = [`${own}/metadata/garbage.avro`, `${own}/metadata/missing.avro`]
    await io.create(manifests[0] ?? '', Buffer.from('Obj\u0001 no manifest'))
    await io.create(`${own}/metadata/copy.avro`, await io.read(list))
    const [added] = await foreignSnapshot(mine, {})
    assert.ok(added?.action === 'add-snapshot')
    const withList = (location: string) => [
      { ...added, snapshot: { ...added.snapshot, 'manifest-list': location } },
    ]
    const sound = await foreignSnapshot(mine, { files: [] })
    const [snapshotId] = sound.flatMap(update => ('snapshot-id' in update ? [update['snapshot-id']] : []))
    const statistics = {
      'snapshot-id': snapshotId,
      'statistics-path': `${other}/metadata/x.puffin`,
      'file-size-in-bytes': 1,
      'file-footer-size-in-bytes': 1,
      'blob-metadata': [],
    }
    const cases: readonly (readonly [readonly object[], RegExp])[] = [
      [
        await foreignSnapshot(mine, { files: [], manifestPath: `${other}/metadata/m.avro` }),
        /^manifest_path .* is not inside/,
      ],
      [
        await foreignSnapshot(mine, { listPath: `${other}/metadata/s.avro` }),
        /^manifest-list of snapshot .* is not inside/,
      ],
      [withList(list), /^manifest-list of snapshot .* is not inside/],
      [withList('/etc/passwd'), /^manifest-list of snapshot .* is not inside/],
      [withList(`${own}/metadata/nothing.avro`), /^manifest-list of snapshot .* there is no file/],
      [withList(manifests[0] ?? ''), /^manifest-list of snapshot /],
      [withList(`${own}/metadata/copy.avro`), /^manifest_path .* is not inside/],
      [await foreignSnapshot(mine, { manifests: [manifests[0] ?? ''] }), /^manifest_path: file:/],
      [await foreignSnapshot(mine, { manifests: [manifests[1] ?? ''] }), /^manifest_path: there is no file/],
      [
        [...sound, { action: 'set-statistics', 'snapshot-id': snapshotId, statistics }],
        /statistics\[0\]\.statistics-path/,
      ],
      [
        [...sound, { action: 'set-partition-statistics', 'partition-statistics': statistics }],
        /partition-statistics\[0\]\.statistics-path/,
      ],
    ]
    for (const [updates, field] of cases) {
      await assertRefused(stringifyJson(updates), await commitTo(lab, updates), field)
    }
    assert.deepEqual(await lab.lab.catalog.loadTable(named('mine')), mine)
  }))

test('no property and no location lets a writer out of the folder of the table', () =>
  withLab(async lab => {
    const { mine, secret, root, writer, admin } = lab
    const [own, other] = [mine.metadata.location, secret.metadata.location]
    const set = (name: string, value: string) => [{ action: 'set-properties', updates: { [name]: value } }]
    const cases: readonly (readonly [readonly object[], RegExp])[] = [
      [set('write.data.path', other), /^properties\.write\.data\.path/],
      [set('write.data.path', `${own}/../x`), /^properties\.write\.data\.path/],
      [set('write.data.path', own), /^properties\.write\.data\.path/],
      [set('write.metadata.path', `${root}/silver`), /^properties\.write\.metadata\.path/],
      [set('write.object-storage.path', 's3://b/x'), /^properties\.write\.object-storage\.path/],
      [set('write.folder-storage.path', other), /^properties\.write\.folder-storage\.path/],
      [set('ingot.clone-family', 'x'), /ingot\.clone-family/],
      [set('ingot.clone-locations', stringifyJson([other])), /ingot\.clone-locations/],
    ]
    for (const [updates, field] of cases) {
      await assertRefused(stringifyJson(updates), await commitTo(lab, updates), field)
    }
    // Those who may choose locations cannot have a table in two, either.
    for (const location of [other, `${own}/sub`, `${root}/silver`, `${root}/silver/mine-00000000`]) {
      const body = { requirements: [], updates: [{ action: 'set-location', location }] }
      await assertRefused(
        location,
        await lab.lab.ask('POST', MINE, admin, body),
        /^location: the table lies in/,
      )
    }
    assert.equal((await commitTo(lab, [{ action: 'set-location', location: own }])).status, 200)
    assert.equal((await commitTo(lab, set('write.data.path', `${own}/files`))).status, 200)
    const { metadata } = await lab.lab.catalog.loadTable(named('mine'))
    const append = (filePath: string) => ({
      'table-uuid': metadata['table-uuid'],
      'schema-id': metadata['current-schema-id'],
      'spec-id': metadata['default-spec-id'],
      manifest: Buffer.from(
        encodeAppendFiles(metadata, [
          {
            ...{ content: 'data', filePath, fileFormat: 'PARQUET', partition: [] },
            ...{ recordCount: 1, fileSizeBytes: 1 },
          },
        ]),
      ).toString('base64'),
      'began-at-ms': Date.now(),
    })
    const path = '/v1/ingot/namespaces/silver/tables/mine/appends'
    for (const file of [
      `${other}/data/1.parquet`,
      `${own}/../x`,
      `${own}/%2e%2e/x`,
      `${own}x/1`,
      own,
      's3://b/x',
    ]) {
      const answer = await lab.lab.ask('POST', path, writer, append(file))
      await assertRefused(file, answer, /is no data file of table/)
    }
    assert.equal((await lab.lab.ask('POST', path, writer, append(`${own}/data/1.parquet`))).status, 200)
  }))

test('a new table takes the place of no other: neither by a name that looks alike, nor in it, nor around it', () =>
  withLab(async lab => {
    const { mine, secret, root, writer, admin } = lab
    const other = secret.metadata.location
    const create = (token: string, name: string, location: string) =>
      lab.lab.ask('POST', '/v1/namespaces/silver/tables', token, { name, location, schema: SCHEMA })
    const build = (uuid: string, location: string) => ({
      requirements: [{ type: 'assert-create' }],
      updates: [
        { action: 'assign-uuid', uuid },
        { action: 'upgrade-format-version', 'format-version': 2 },
        { action: 'add-schema', schema: SCHEMA },
        { action: 'set-current-schema', 'schema-id': -1 },
        { action: 'add-spec', spec: { 'spec-id': 0, fields: [] } },
        { action: 'set-default-spec', 'spec-id': -1 },
        { action: 'add-sort-order', 'sort-order': { 'order-id': 0, fields: [] } },
        { action: 'set-default-sort-order', 'sort-order-id': -1 },
        { action: 'set-location', location },
      ],
    })
    const uuid = secret.metadata['table-uuid']
    const taken = /^location .* is that of another table or view/
    const staged = '/v1/namespaces/silver/tables/SECRET'
    const asView = {
      name: 'SECRET',
      location: other,
      schema: SCHEMA,
      'view-version': {
        'version-id': 1,
        'timestamp-ms': 1,
        'schema-id': 0,
        summary: {},
        representations: [{ type: 'sql', sql: 'select 1', dialect: 'spark' }],
        'default-namespace': ['silver'],
      },
      properties: {},
    }
    await assertRefused('alike', await create(writer, 'SECRET', other), taken)
    await assertRefused('alike/', await create(writer, 'SECRET', `${other}//`), taken)
    await assertRefused('staged', await lab.lab.ask('POST', staged, writer, build(uuid, other)), taken)
    await assertRefused(
      'view',
      await lab.lab.ask('POST', '/v1/namespaces/silver/views', writer, asView),
      taken,
    )
    for (const [name, location] of [
      ['in it', `${mine.metadata.location}/data/x`],
      ['around it', `${root}/silver`],
      ['its metadata', `${other}/metadata`],
    ] as const) {
      await assertRefused(name, await create(admin, 'new', location), taken)
    }
    await lab.lab.catalog.dropTable(named('secret'))
    await assertRefused('dropped', await create(admin, 'new', other), taken)
    await assertRefused('dropped', await create(writer, 'SECRET', other), taken)
    assert.equal((await create(admin, 'new', `${root}/elsewhere/new`)).status, 200)
    assert.equal(
      (await lab.lab.ask('POST', staged, writer, build(uuid, `${other.slice(0, -8)}12345678`))).status,
      200,
    )
  }))

test('tables in a namespace that is called metadata stand in the way of none', () =>
  withLab(async lab => {
    const inNamespace = { namespace: ['metadata'], name: 't' }
    await lab.lab.catalog.createNamespace(['metadata'])
    await lab.lab.catalog.createTable({ identifier: inNamespace, schema: SCHEMA })
    const body = { name: 'new', location: `${lab.root}/elsewhere/new`, schema: SCHEMA }
    assert.equal((await lab.lab.ask('POST', '/v1/namespaces/silver/tables', lab.admin, body)).status, 200)
  }))

test('an attempt to create a table that was cut short does not stand in the way of the next one', () =>
  withLab(async ({ lab, mine, root, admin }) => {
    const location = `${root}/silver/late-00000001`
    const uuid = crypto.randomUUID()
    const io = createLocalFileIO()
    const left = stringifyJson({ ...mine.metadata, 'table-uuid': uuid, location })
    await io.create(`${location}/metadata/00000-x.metadata.json`, Buffer.from(left))
    const build = (assigned: string) => ({
      requirements: [{ type: 'assert-create' }],
      updates: [
        { action: 'assign-uuid', uuid: assigned },
        { action: 'add-schema', schema: SCHEMA },
        { action: 'set-current-schema', 'schema-id': -1 },
        { action: 'set-location', location },
      ],
    })
    const late = '/v1/namespaces/silver/tables/late'
    await assertRefused(
      'another',
      await lab.ask('POST', late, admin, build(crypto.randomUUID())),
      /^location .* is that of another/,
    )
    assert.equal((await lab.ask('POST', late, admin, build(uuid))).status, 200)
  }))

test('a clone names the files that it was made with, and no others; what it adds is its own', () =>
  withLab(async ({ lab, mine, secret, admin }) => {
    const clone = await lab.ask('POST', '/v1/ingot/transactions', admin, {})
    assert.notEqual(clone.status, 200)
    const original = await lab.catalog.loadTable(named('secret'))
    const [, copy] = (
      await lab.catalog.commit(
        [
          { identifier: named('secret'), requirements: [], updates: [] },
          {
            identifier: named('copy'),
            requirements: [{ type: 'assert-create' }],
            updates: [],
            origin: { type: 'clone', of: named('secret') },
          },
        ],
        { idempotencyKey: 'clone' },
      )
    ).tables
    assert.ok(copy)
    const post = async (files: readonly string[]): Promise<Response> => {
      const updates = await foreignSnapshot(copy, { files, status: 'existing' })
      return lab.ask('POST', '/v1/namespaces/silver/tables/copy', admin, { requirements: [], updates })
    }
    const [own, shared] = [copy.metadata.location, original.metadata.location]
    assert.equal(shared, secret.metadata.location)
    assert.equal((await post([`${own}/data/2.parquet`, `${shared}/data/1.parquet`])).status, 200)
    const foreign = await post([`${mine.metadata.location}/data/1.parquet`])
    await assertRefused('of a third', foreign, /^file_path in .* is not inside/)
    const back = await foreignSnapshot(original, { files: [`${own}/data/2.parquet`] })
    const path = '/v1/namespaces/silver/tables/secret'
    const answer = await lab.ask('POST', path, admin, { requirements: [], updates: back })
    await assertRefused('of the clone', answer, /^file_path in .* is not inside/)
  }))

test('a commit to a table that is not there is looked through by nobody: it can only repeat an earlier one', () =>
  withLab(async lab => {
    const { mine } = lab
    const updates = await foreignSnapshot(mine, { files: [`${mine.metadata.location}/data/1.parquet`] })
    const commit = (key: string) =>
      lab.lab.ask('POST', MINE, lab.writer, { requirements: [], updates }, { 'idempotency-key': key })
    const first = (await (await commit('first')).json()) as Json
    await lab.lab.catalog.dropTable(named('mine'))
    assert.deepEqual(((await (await commit('first')).json()) as Json).metadata, first.metadata)
    assert.equal((await commit('second')).status, 404)
  }))

test('what a writer adds in its folder is committed, with what was there before', () =>
  withLab(async lab => {
    const { mine } = lab
    const own = mine.metadata.location
    const first = await foreignSnapshot(mine, {
      files: [`${own}/data/1.parquet`, `${own}//data/./2.parquet`],
    })
    assert.equal((await commitTo(lab, first)).status, 200)
    const { metadata } = await lab.lab.catalog.loadTable(named('mine'))
    assert.equal(metadata.snapshots.length, 1)
  }))
