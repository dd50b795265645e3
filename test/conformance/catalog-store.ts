import assert from 'node:assert/strict'
import { test } from 'node:test'
import type {
  CatalogStore,
  NamespaceChange,
  PointerChange,
  StoreOutcome,
  StoreTransaction,
} from '../../src/catalog/store.ts'
import { type ErrorCode, isIngotError } from '../../src/errors.ts'
import type { TableIdentifier } from '../../src/table-identifier.ts'

/** A CatalogStore under test that is empty. */
export interface CatalogStoreFixture {
  readonly store: CatalogStore
  /** Another one over the same data, as another process opens it; disposed of with the fixture. */
  open(): Promise<CatalogStore>
  dispose(): Promise<void>
}

type Check = (fixture: CatalogStoreFixture) => Promise<void>

const WRITERS = 8
const ROUNDS = 5

const HOSTILE_NAMES = [
  'select',
  'a.b',
  `quo"te'd; drop table pointers; --`,
  '$1',
  'back\\slash',
  'größe 数据 😀',
  'zero\u200bwidth',
  ' ',
  '',
  '["a"]',
  'x'.repeat(4096),
  '数'.repeat(4096),
  Array.from({ length: 4096 }, (_, index) => String.fromCodePoint(0x4e00 + ((index * 7919) % 20_000))).join(
    '',
  ),
]

const CHECKS: Readonly<Record<string, Check>> = {
  'a creation is applied, once under its key': async ({ store }) => {
    await createNamespace(store, ['n'])
    const request = creation('t')
    const outcome = await store.apply(request)
    const transaction = {
      transactionId: 1,
      committedAtMs: 1000,
      idempotencyKey: 'create t',
      note: undefined,
      pointers: [{ identifier: table('t'), metadataLocation: 'file:///t' }],
    }
    assert.deepEqual(outcome, { type: 'applied', transaction })
    const record = { type: 'used', requestHash: 'create t', transaction }
    const spent = { type: 'key-spent', idempotencyKey: 'create t', record }
    assert.deepEqual(await store.apply(request), spent)
    assert.deepEqual(await store.apply({ ...creation('u'), idempotencyKey: 'create t' }), spent)
    assert.deepEqual(await store.findKey('create t'), record)
    assert.equal(await store.pointer(table('t')), 'file:///t')
    assert.equal(await store.pointer(table('u')), undefined)
    assert.deepEqual(await store.tables(['n']), [table('t')])
    assert.deepEqual(await store.transactions({}), [transaction])
  },

  'versions are forgotten for good, and what is between two of them with them': async ({ store, open }) => {
    await createNamespace(store, ['n'])
    await create(store, 't')
    const move = (from: string, next: string | null): Promise<StoreOutcome> =>
      store.apply({
        ...creation('t'),
        idempotencyKey: `${from} ${next}`,
        pointers: [{ identifier: table('t'), expected: from, next }],
      })
    await move('file:///t', 'file:///t2')
    await move('file:///t2', 'file:///t3')
    await move('file:///t3', 'file:///t4')
    const at = (transactionId: number): Promise<string | undefined> =>
      store.pointerAt(table('t'), { transactionId })
    await store.forgetVersions([{ identifier: table('t'), transactionIds: [1, 2, 4, 9] }], false)
    const other = await open()
    for (const transactionId of [1, 2]) {
      await assert.rejects(at(transactionId), error => isIngotError(error, 'HISTORY_FORGOTTEN'))
    }
    assert.deepEqual([await at(3), await at(4)], ['file:///t3', 'file:///t4'], 'the current one stays')
    assert.deepEqual(
      (await other.versions()).map(({ transactionId, isForgotten }) => [transactionId, isForgotten]),
      [
        [1, true],
        [3, false],
        [4, false],
      ],
    )
    assert.deepEqual(
      (await store.transactions({})).map(({ pointers }) => pointers.length),
      [1, 1, 0, 0],
    )
    await store.forgetVersions([{ identifier: table('t'), transactionIds: [1] }], true)
    await assert.rejects(at(2), error => isIngotError(error, 'HISTORY_FORGOTTEN'))
    assert.equal((await other.versions()).length, 2)
  },

  'a dropped table has versions until they are forgotten, and then was there no more': async ({ store }) => {
    await createNamespace(store, ['n'])
    await create(store, 't')
    const pointers = [{ identifier: table('t'), expected: 'file:///t', next: null }]
    await store.apply({
      ...creation('t'),
      idempotencyKey: 'drop',
      note: { purgeRequested: true },
      pointers,
    })
    const found = await store.versions()
    assert.deepEqual(
      found.map(({ metadataLocation, purgeRequested }) => [metadataLocation, purgeRequested]),
      [
        ['file:///t', false],
        [null, true],
      ],
    )
    await store.forgetVersions([{ identifier: table('t'), transactionIds: [1, 2] }], false)
    assert.equal(await store.pointerAt(table('t'), { transactionId: 2 }), undefined)
    await assert.rejects(store.pointerAt(table('t'), { transactionId: 1 }), error =>
      isIngotError(error, 'HISTORY_FORGOTTEN'),
    )
  },

  'a version comes back while it is kept, to a folder that no pointer lies in': async ({ store, open }) => {
    await createNamespace(store, ['n'])
    const [first, second] = ['file:///t_x/metadata/1', 'file:///t_x/metadata/2']
    const set = (key: string, name: string, expected: string | null, next: string | null, last?: number) =>
      store.apply({
        ...request(key),
        pointers: [
          {
            identifier: table(name),
            expected,
            next,
            ...(last !== undefined && {
              origin: {
                type: 'version',
                of: table('t'),
                transactionId: last,
                folder: 'file:///t_x/metadata',
              },
            }),
          },
        ],
      })
    await set('1', 't', null, first)
    await set('2', 't', first, second)
    const current = { type: 'version-current', identifier: table('t'), current: table('t') }
    assert.deepEqual(await set('3', 'u', null, second, 2), current)
    await set('4', 't', second, null)
    await set('other folder', 'w', null, 'file:///tyx/metadata/1')
    const forgotten = { type: 'version-forgotten', identifier: table('t') }
    assert.deepEqual(await set('5', 'u', null, second, 1), forgotten, 'that one came later')
    assert.equal((await set('6', 'u', null, second, 4)).type, 'applied')
    assert.deepEqual(await set('7', 'v', null, first, 2), { ...current, current: table('u') })
    await set('8', 'u', second, null)
    await (await open()).forgetVersions([{ identifier: table('t'), transactionIds: [1, 2] }], false)
    assert.deepEqual(await set('9', 'u', null, second, 2), forgotten)
  },

  'a version that comes back while it is being forgotten does one or the other': async fixture => {
    const { store } = fixture
    const other = await fixture.open()
    await createNamespace(store, ['n'])
    for (let round = 0; round < ROUNDS * 4; round += 1) {
      const name = `t${round}`
      const location = `file:///${name}/metadata/1`
      const { transaction } = appliedOf(
        await store.apply({
          ...request(`create ${name}`),
          pointers: [{ identifier: table(name), expected: null, next: location }],
        }),
      )
      const transactionId = transaction?.transactionId ?? 0
      await store.apply({
        ...request(`drop ${name}`),
        pointers: [{ identifier: table(name), expected: location, next: null }],
      })
      const origin = {
        type: 'version',
        of: table(name),
        transactionId,
        folder: `file:///${name}/metadata`,
      } as const
      const [outcome] = await Promise.all([
        store.apply({
          ...request(`undrop ${name}`),
          pointers: [{ identifier: table(name), expected: null, next: location, origin }],
        }),
        other.forgetVersions([{ identifier: table(name), transactionIds: [transactionId] }], false),
      ])
      const kept = (await store.versions()).filter(
        version => version.metadataLocation === location && !version.isForgotten,
      )
      assert.equal(kept.length > 0, outcome.type === 'applied', `${round}: ${outcome.type}`)
    }
  },

  'a transaction without pointers has a key and no id': async ({ store }) => {
    const outcome = await createNamespace(store, ['n'])
    assert.deepEqual(outcome, { type: 'applied', transaction: undefined })
    const record = { type: 'used', requestHash: 'create ["n"]', transaction: undefined }
    assert.deepEqual(await store.findKey('create ["n"]'), record)
    assert.deepEqual(await createNamespace(store, ['n']), {
      type: 'key-spent',
      idempotencyKey: 'create ["n"]',
      record,
    })
    assert.deepEqual(await store.transactions({}), [])
    const first = await create(store, 't')
    assert.equal(first.type === 'applied' && first.transaction?.transactionId, 1)
  },

  'a swap is applied from where the pointer is, and only from there': async ({ store }) => {
    await createNamespace(store, ['n'])
    await create(store, 't')
    const moved = { type: 'pointer-moved', identifier: table('t') }
    assert.equal((await store.apply(swap('b', 't', 'file:///t', 'file:///u'))).type, 'applied')
    assert.deepEqual(await store.apply(swap('c', 't', 'file:///t', 'file:///v')), moved)
    assert.deepEqual(await store.apply(swap('d', 't', 'file:///t', null)), moved)
    assert.deepEqual(await store.apply(swap('e', 't', null, 'file:///w')), moved)
    assert.equal(await store.pointer(table('t')), 'file:///u')
    assert.equal((await store.apply(swap('f', 't', 'file:///u', null))).type, 'applied')
    assert.equal(await store.pointer(table('t')), undefined)
    assert.deepEqual(await store.apply(swap('g', 't', 'file:///u', 'file:///x')), moved)
    assert.deepEqual(
      (await store.transactions({})).map(record => record.transactionId),
      [3, 2, 1],
    )
  },

  'an equal swap only checks, and is in the history': async ({ store }) => {
    await createNamespace(store, ['n'])
    await create(store, 't')
    const outcome = await store.apply(swap('same', 't', 'file:///t', 'file:///t'))
    assert.equal(outcome.type === 'applied' && outcome.transaction?.transactionId, 2)
    assert.equal((await store.transactions({ table: table('t') })).length, 2)
    assert.equal((await store.apply(swap('absent', 'u', null, null))).type, 'applied')
    const present = await store.apply(swap('present', 't', null, null))
    assert.deepEqual(present, { type: 'pointer-moved', identifier: table('t') })
  },

  'of several pointers all are swapped or none': async ({ store }) => {
    await createNamespace(store, ['n'])
    for (const name of ['a', 'b', 'c']) await create(store, name)
    const changes = (last: string): StoreTransaction => ({
      ...request(`to ${last}`),
      pointers: [
        { identifier: table('a'), expected: 'file:///a', next: 'file:///a2' },
        { identifier: table('b'), expected: 'file:///b', next: null },
        { identifier: table('d'), expected: null, next: 'file:///d' },
        { identifier: table('c'), expected: last, next: 'file:///c2' },
      ],
    })
    assert.deepEqual(await store.apply(changes('file:///elsewhere')), {
      type: 'pointer-moved',
      identifier: table('c'),
    })
    assert.equal(await store.pointer(table('a')), 'file:///a')
    assert.equal(await store.pointer(table('b')), 'file:///b')
    assert.equal(await store.pointer(table('d')), undefined)
    assert.equal(await store.findKey('to file:///elsewhere'), undefined)
    const outcome = await store.apply(changes('file:///c'))
    assert.equal(outcome.type === 'applied' && outcome.transaction?.transactionId, 4)
    assert.deepEqual((await store.tables(['n'])).map(each => each.name).sort(), ['a', 'c', 'd'])
  },

  'a rename is two pointers of one transaction': async ({ store }) => {
    await createNamespace(store, ['n'])
    await create(store, 't')
    const rename = (key: string, to: string): StoreTransaction => ({
      ...request(key),
      pointers: [
        { identifier: table(to), expected: null, next: 'file:///t' },
        { identifier: table('t'), expected: 'file:///t', next: null },
      ],
    })
    assert.deepEqual(await store.apply(rename('onto itself', 't')), {
      type: 'pointer-moved',
      identifier: table('t'),
    })
    assert.equal((await store.apply(rename('away', 'u'))).type, 'applied')
    assert.deepEqual(await store.tables(['n']), [table('u')])
  },

  'tables and views share their names, and are found as what they are': async ({ store, open }) => {
    await createNamespace(store, ['n'])
    const view = (key: string, expected: string | null, next: string | null): StoreTransaction => ({
      ...request(key),
      pointers: [{ identifier: table('v'), kind: 'view', expected, next }],
    })
    const created = await store.apply(view('view', null, 'file:///v'))
    const pointers = [{ identifier: table('v'), metadataLocation: 'file:///v', kind: 'view' }]
    assert.deepEqual(created.type === 'applied' && created.transaction?.pointers, pointers)
    const other = await open()
    assert.deepEqual((await other.transactions({}))[0]?.pointers, pointers)
    assert.deepEqual([await other.views(['n']), await other.tables(['n'])], [[table('v')], []])
    assert.equal(await other.pointer(table('v'), 'view'), 'file:///v')
    assert.equal(await other.pointer(table('v')), undefined)
    assert.equal(await other.pointerAt(table('v'), { transactionId: 1 }), undefined)
    assert.deepEqual(await other.versions(), [], 'versions are those of tables')
    const taken = { type: 'pointer-moved', identifier: table('v') }
    assert.deepEqual(await create(store, 'v'), taken)
    assert.deepEqual(await store.apply(swap('as a table', 'v', 'file:///v', 'file:///t')), taken)
    assert.deepEqual(await store.apply(swap('drop the table', 'v', 'file:///v', null)), taken)
    await create(store, 't')
    const overTable = { identifier: table('t'), kind: 'view', expected: null, next: 'file:///w' } as const
    assert.deepEqual(await store.apply({ ...request('over'), pointers: [overTable] }), {
      type: 'pointer-moved',
      identifier: table('t'),
    })
    const drop = await changeNamespace(store, 'drop n', { type: 'drop', namespace: ['n'] })
    assert.equal(drop.type, 'namespace-not-empty')
    assert.equal((await store.apply(view('replace', 'file:///v', 'file:///v2'))).type, 'applied')
    assert.equal((await store.apply(view('drop', 'file:///v2', null))).type, 'applied')
    assert.deepEqual(await store.views(['n']), [])
  },

  'a table needs its namespace only when it is created': async ({ store }) => {
    const missing = { type: 'namespace-missing', namespace: ['n'] }
    assert.deepEqual(await create(store, 't'), missing)
    assert.equal(await store.findKey('create t'), undefined)
    assert.deepEqual(await store.apply(swap('swap', 't', 'file:///t', 'file:///u')), {
      type: 'pointer-moved',
      identifier: table('t'),
    })
    const both = { ...creation('t'), namespaceChange: namespaceCreation(['n']) }
    assert.equal((await store.apply(both)).type, 'applied')
    assert.equal(await store.pointer(table('t')), 'file:///t')
  },

  'namespaces nest, and carry properties': async ({ store }) => {
    await createNamespace(store, ['a', 'b', 'c'], { owner: 'größe', 'nul\0': '\ud800' })
    assert.deepEqual(await namespacesOf(store), [['a'], ['a', 'b'], ['a', 'b', 'c']])
    assert.deepEqual(await store.namespace(['a', 'b']), { namespace: ['a', 'b'], properties: {} })
    assert.deepEqual(await store.namespace(['a', 'b', 'c']), {
      namespace: ['a', 'b', 'c'],
      properties: { owner: 'größe', 'nul\0': '\ud800' },
    })
    assert.equal(await store.namespace(['b']), undefined)
    assert.equal(await store.namespace([]), undefined)
    const again = await changeNamespace(store, 'again', namespaceCreation(['a', 'b']))
    assert.deepEqual(again, { type: 'namespace-exists', namespace: ['a', 'b'] })
    await createNamespace(store, ['a', 'd'], { x: '1' })
    assert.deepEqual((await store.namespace(['a', 'b', 'c']))?.properties.owner, 'größe')
  },

  'properties are set and removed': async ({ store }) => {
    const update = { type: 'update', namespace: ['n'], updates: { b: '2' }, removals: ['a', 'none'] } as const
    assert.deepEqual(await changeNamespace(store, 'early', update), {
      type: 'namespace-missing',
      namespace: ['n'],
    })
    await createNamespace(store, ['n'], { a: '1', c: '3' })
    assert.equal((await changeNamespace(store, 'update', update)).type, 'applied')
    assert.deepEqual((await store.namespace(['n']))?.properties, { b: '2', c: '3' })
  },

  'a namespace is dropped when nothing is in it': async ({ store }) => {
    const drop = (key: string, namespace: readonly string[]): Promise<StoreOutcome> =>
      changeNamespace(store, key, { type: 'drop', namespace })
    assert.deepEqual(await drop('0', ['n']), { type: 'namespace-missing', namespace: ['n'] })
    await createNamespace(store, ['n', 'inner'])
    assert.deepEqual(await drop('1', ['n']), { type: 'namespace-not-empty', namespace: ['n'] })
    assert.equal((await drop('2', ['n', 'inner'])).type, 'applied')
    await create(store, 't')
    assert.deepEqual(await drop('3', ['n']), { type: 'namespace-not-empty', namespace: ['n'] })
    await store.apply(swap('gone', 't', 'file:///t', null))
    assert.equal((await drop('4', ['n'])).type, 'applied')
    assert.deepEqual(await store.namespaces(), [])
    assert.equal((await store.transactions({ table: table('t') })).length, 2)
  },

  'a key that was given up is spent, for good': async ({ store }) => {
    await createNamespace(store, ['n'])
    assert.deepEqual(await store.giveUpKey('create t', 5), { type: 'given-up' })
    assert.deepEqual(await store.giveUpKey('create t', 6), { type: 'given-up' })
    assert.deepEqual(await store.findKey('create t'), { type: 'given-up' })
    assert.deepEqual(await create(store, 't'), {
      type: 'key-spent',
      idempotencyKey: 'create t',
      record: { type: 'given-up' },
    })
    await create(store, 'u')
    const used = await store.findKey('create u')
    assert.equal(used?.type, 'used')
    assert.deepEqual(await store.giveUpKey('create u', 7), used)
  },

  'members are found under their keys, and one that is spent refuses all': async ({ store }) => {
    await createNamespace(store, ['n'])
    const members = ['x', 'y'].map(key => ({ idempotencyKey: key, requestHash: `hash of ${key}` }))
    const outcome = await store.apply({ ...creation('t'), members })
    assert.equal(outcome.type, 'applied')
    const transaction = outcome.type === 'applied' ? outcome.transaction : undefined
    assert.deepEqual(await store.findKey('y'), { type: 'used', requestHash: 'hash of y', transaction })
    const late = [{ idempotencyKey: 'z', requestHash: 'z' }, ...members.slice(1)]
    const refused = await store.apply({ ...creation('u'), members: late })
    assert.deepEqual(refused, {
      type: 'key-spent',
      idempotencyKey: 'y',
      record: await store.findKey('y'),
    })
    assert.equal(await store.findKey('z'), undefined)
    assert.equal(await store.findKey('create u'), undefined)
  },

  'the history is read at any id and time': async ({ store }) => {
    await createNamespace(store, ['n'])
    await store.apply({ ...creation('t'), nowMs: 1000 })
    await store.apply({ ...creation('other'), nowMs: 2000 })
    await store.apply({ ...swap('b', 't', 'file:///t', 'file:///u'), nowMs: 3000 })
    await store.apply({ ...swap('c', 't', 'file:///u', null), nowMs: 4000 })
    const byId = [0, 1, 2, 3, 4, 5].map(transactionId => store.pointerAt(table('t'), { transactionId }))
    const first = ['file:///t', 'file:///t', 'file:///u', undefined]
    assert.deepEqual(await Promise.all(byId), [undefined, ...first, undefined])
    const byTime = [999, 1000, 2999, 3000, 4000, 1e13].map(timeMs => store.pointerAt(table('t'), { timeMs }))
    assert.deepEqual(await Promise.all(byTime), [undefined, ...first, undefined])
    const ofTable = await store.transactions({ table: table('t') })
    assert.deepEqual(
      ofTable.map(record => record.transactionId),
      [4, 3, 1],
    )
    assert.deepEqual(
      (await store.transactions({ limit: 2 })).map(record => record.idempotencyKey),
      ['c', 'b'],
    )
  },

  'notes come back as they were, and times never run backwards': async ({ store }) => {
    await createNamespace(store, ['n'])
    const note = { text: `'"\\ größe 😀 \0`, list: [1.5, null, true, { deep: '\ud800' }] }
    await store.apply({ ...creation('a'), nowMs: 5000, note })
    await store.apply({ ...creation('b'), nowMs: 4000 })
    await store.apply({ ...creation('c'), nowMs: 1_795_000_000_000 })
    const records = await store.transactions({})
    assert.deepEqual(
      records.map(record => record.committedAtMs),
      [1_795_000_000_000, 5000, 5000],
    )
    assert.deepEqual(
      records.map(record => record.note),
      [undefined, undefined, note],
    )
  },

  'a transaction may have very many pointers': async ({ store }) => {
    await createNamespace(store, ['n'])
    const names = Array.from({ length: 1200 }, (_, index) => `t${index}`)
    const pointers = names.map(name => ({ identifier: table(name), expected: null, next: `file:///${name}` }))
    assert.equal((await store.apply({ ...request('many'), pointers })).type, 'applied')
    assert.equal((await store.tables(['n'])).length, 1200)
    const [record] = await store.transactions({})
    assert.deepEqual(
      record?.pointers.map(pointer => pointer.identifier.name),
      names,
    )
  },

  'hostile names are names like others': async ({ store }) => {
    for (const [index, name] of HOSTILE_NAMES.entries()) {
      const identifier = { namespace: [name, name], name }
      await createNamespace(store, identifier.namespace, { [name]: name }, `namespace ${index}`)
      const pointers = [{ identifier, expected: null, next: `file:///${name}` }]
      const outcome = await store.apply({ ...request(`table ${index}`), pointers })
      assert.equal(outcome.type, 'applied', name.slice(0, 20))
      assert.equal(await store.pointer(identifier), `file:///${name}`)
      assert.deepEqual(await store.tables(identifier.namespace), [identifier])
      assert.deepEqual((await store.namespace(identifier.namespace))?.properties, { [name]: name })
      const [record] = await store.transactions({ table: identifier })
      assert.deepEqual(record?.pointers, [{ identifier, metadataLocation: `file:///${name}` }])
    }
    assert.equal((await store.namespaces()).length, HOSTILE_NAMES.length * 2)
    assert.deepEqual(await store.tables(['SELECT', 'select']), [])
    assert.equal(await store.pointer({ namespace: ['a'], name: 'b' }), undefined)
  },

  'what no database gives back as it is, is refused': async ({ store }) => {
    await createNamespace(store, ['n'])
    for (const text of ['nul\0', 'half \ud83d', '\udc00']) {
      await fails('REQUEST_INVALID', store.apply(creation(text)))
      await fails('REQUEST_INVALID', store.apply({ ...creation('t'), idempotencyKey: text }))
      await fails('REQUEST_INVALID', store.apply(swap('a', 't', null, text)))
      const members = [{ idempotencyKey: text, requestHash: '' }]
      await fails('REQUEST_INVALID', store.apply({ ...creation('t'), members }))
      await fails('REQUEST_INVALID', store.findKey(text))
      await fails('REQUEST_INVALID', store.giveUpKey(text, 1))
      assert.equal(await store.pointer(table(text)), undefined)
      assert.equal(await store.namespace([text]), undefined)
    }
    assert.deepEqual(await store.transactions({}), [])
  },

  'of many swaps from one pointer exactly one wins, round after round': async fixture => {
    await createNamespace(fixture.store, ['n'])
    await create(fixture.store, 't')
    const stores = await openPair(fixture)
    for (let round = 0; round < ROUNDS; round++) {
      const current = (await fixture.store.pointer(table('t'))) ?? null
      const outcomes = await Promise.all(
        writers().map(writer =>
          pick(stores, writer).apply(swap(`${round}-${writer}`, 't', current, `file:///${round}-${writer}`)),
        ),
      )
      const won = outcomes.flatMap((outcome, writer) => (outcome.type === 'applied' ? [writer] : []))
      assert.equal(won.length, 1)
      assert.equal(outcomes.filter(outcome => outcome.type === 'pointer-moved').length, WRITERS - 1)
      assert.equal(await fixture.store.pointer(table('t')), `file:///${round}-${won[0]}`)
    }
  },

  'transactions over several pointers in opposite orders all end': async fixture => {
    await createNamespace(fixture.store, ['n'])
    const names = ['a', 'b', 'c', 'd']
    for (const name of names) await create(fixture.store, name)
    const stores = await openPair(fixture)
    const work = writers().map(async writer => {
      const order = writer % 2 === 0 ? names : names.toReversed()
      for (let round = 0, attempt = 0; round < ROUNDS; attempt++) {
        const store = pick(stores, writer)
        const locations = await Promise.all(order.map(name => store.pointer(table(name))))
        const next = `file:///${writer}-${round}`
        const pointers = order.map(
          (name, index): PointerChange => ({
            identifier: table(name),
            expected: locations[index] ?? null,
            next,
          }),
        )
        const outcome = await store.apply({ ...request(`${writer}-${round}-${attempt}`), pointers })
        if (outcome.type === 'applied') round += 1
        else assert.equal(outcome.type, 'pointer-moved')
      }
    })
    await Promise.all(work)
    const locations = await Promise.all(names.map(name => fixture.store.pointer(table(name))))
    assert.equal(new Set(locations).size, 1, 'the pointers were always set together')
    await checkIds(fixture.store, names.length + WRITERS * ROUNDS)
  },

  'a namespace is dropped, or a table is created in it, never both': async fixture => {
    const stores = await openPair(fixture)
    for (let round = 0; round < ROUNDS * 2; round++) {
      const namespace = [`round ${round}`]
      await createNamespace(fixture.store, namespace)
      const identifier = { namespace, name: 't' }
      const pointers = [{ identifier, expected: null, next: 'file:///t' }]
      const [dropped, created, inner] = await Promise.all([
        changeNamespace(pick(stores, round), `drop ${round}`, { type: 'drop', namespace }),
        pick(stores, round + 1).apply({ ...request(`create ${round}`), pointers }),
        createNamespace(pick(stores, round + 1), [...namespace, 'inner']),
      ])
      const isThere = (await fixture.store.namespace(namespace)) !== undefined
      const hasTable = (await fixture.store.pointer(identifier)) !== undefined
      assert.equal(inner.type, 'applied')
      assert.equal(hasTable, created.type === 'applied')
      assert.ok(isThere, 'the inner namespace keeps it, or makes it anew')
      if (dropped.type === 'applied' && hasTable) {
        // The drop came first, then the inner namespace made it anew, then the table came.
        continue
      }
      const expected = dropped.type === 'applied' ? 'namespace-missing' : 'applied'
      assert.equal(created.type, expected)
    }
  },

  'ids have no gaps and appear in their order': async fixture => {
    await createNamespace(fixture.store, ['n'])
    const stores = await openPair(fixture)
    let isDone = false
    const watch = async (): Promise<void> => {
      let seen = 0
      while (!isDone) {
        const ids = (await fixture.store.transactions({ limit: 1000 })).map(record => record.transactionId)
        assert.deepEqual(ids, descending(ids.length), 'every smaller id is there with a greater one')
        assert.ok(ids.length >= seen, 'what was seen stays')
        seen = ids.length
      }
    }
    const write = async (writer: number): Promise<void> => {
      for (let round = 0; round < ROUNDS; round++) {
        await pick(stores, writer).apply(creation(`${writer}-${round}`))
        await pick(stores, writer).apply(swap(`lost ${writer}-${round}`, 'none', 'file:///x', null))
      }
    }
    const watching = watch()
    try {
      await Promise.all(writers().map(write))
    } finally {
      isDone = true
    }
    await watching
    await checkIds(fixture.store, WRITERS * ROUNDS)
  },

  'one key at the same time is applied once, or given up before': async fixture => {
    await createNamespace(fixture.store, ['n'])
    const stores = await openPair(fixture)
    for (let round = 0; round < ROUNDS * 2; round++) {
      const change = { ...creation(`t${round}`), idempotencyKey: `key ${round}` }
      const [given, ...outcomes] = await Promise.all([
        pick(stores, round).giveUpKey(change.idempotencyKey, 1),
        ...writers().map(writer => pick(stores, writer).apply(change)),
      ])
      const applied = outcomes.filter(outcome => outcome.type === 'applied').length
      assert.equal(applied, given.type === 'given-up' ? 0 : 1)
      for (const outcome of outcomes) {
        if (outcome.type !== 'applied') {
          assert.deepEqual(outcome, {
            type: 'key-spent',
            idempotencyKey: change.idempotencyKey,
            record: given,
          })
        }
      }
      const isThere = (await fixture.store.pointer(table(`t${round}`))) !== undefined
      assert.equal(isThere, given.type === 'used')
    }
  },

  'another that opens the store sees all of it': async fixture => {
    await createNamespace(fixture.store, ['n'], { a: '1' })
    await create(fixture.store, 't')
    const other = await fixture.open()
    assert.deepEqual(await other.namespace(['n']), { namespace: ['n'], properties: { a: '1' } })
    assert.equal(await other.pointer(table('t')), 'file:///t')
    await other.apply(swap('b', 't', 'file:///t', 'file:///u'))
    assert.equal(await fixture.store.pointer(table('t')), 'file:///u')
    assert.deepEqual(await fixture.store.transactions({}), await other.transactions({}))
  },
}

/** Runs the checks that every CatalogStore passes, each against a new one; `skip` says why none can be had. */
export function checkCatalogStore(
  name: string,
  open: () => Promise<CatalogStoreFixture>,
  options: { readonly skip: string | false } = { skip: false },
): void {
  for (const [title, check] of Object.entries(CHECKS)) {
    test(`catalog store ${name}: ${title}`, options, async () => {
      const fixture = await open()
      try {
        await check(fixture)
      } finally {
        await fixture.dispose()
      }
    })
  }
}

function table(name: string): TableIdentifier {
  return { namespace: ['n'], name }
}

function request(idempotencyKey: string): StoreTransaction {
  return { idempotencyKey, requestHash: idempotencyKey, nowMs: 1000, pointers: [] }
}

function creation(name: string): StoreTransaction {
  return {
    ...request(`create ${name}`),
    pointers: [{ identifier: table(name), expected: null, next: `file:///${name}` }],
  }
}

function swap(key: string, name: string, expected: string | null, next: string | null): StoreTransaction {
  return { ...request(key), pointers: [{ identifier: table(name), expected, next }] }
}

function create(store: CatalogStore, name: string): Promise<StoreOutcome> {
  return store.apply(creation(name))
}

function namespaceCreation(
  namespace: readonly string[],
  properties: Readonly<Record<string, string>> = {},
): NamespaceChange {
  return { type: 'create', namespace, properties }
}

function createNamespace(
  store: CatalogStore,
  namespace: readonly string[],
  properties: Readonly<Record<string, string>> = {},
  key = `create ${JSON.stringify(namespace)}`,
): Promise<StoreOutcome> {
  return changeNamespace(store, key, namespaceCreation(namespace, properties))
}

function changeNamespace(
  store: CatalogStore,
  key: string,
  namespaceChange: NamespaceChange,
): Promise<StoreOutcome> {
  return store.apply({ ...request(key), namespaceChange })
}

async function namespacesOf(store: CatalogStore): Promise<readonly (readonly string[])[]> {
  const records = await store.namespaces()
  return records
    .map(record => record.namespace)
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? 1 : -1))
    .sort((a, b) => a.length - b.length)
}

/** Two stores over the same data, as two processes have them. */
async function openPair(fixture: CatalogStoreFixture): Promise<readonly CatalogStore[]> {
  return [fixture.store, await fixture.open()]
}

function appliedOf(outcome: StoreOutcome): Extract<StoreOutcome, { type: 'applied' }> {
  assert.ok(outcome.type === 'applied', outcome.type)
  return outcome
}

function pick(stores: readonly CatalogStore[], writer: number): CatalogStore {
  const store = stores[writer % stores.length]
  assert.ok(store !== undefined)
  return store
}

function writers(): readonly number[] {
  return Array.from({ length: WRITERS }, (_, index) => index)
}

function descending(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => count - index)
}

async function checkIds(store: CatalogStore, count: number): Promise<void> {
  const records = await store.transactions({ limit: 1000 })
  assert.deepEqual(
    records.map(record => record.transactionId),
    descending(count),
  )
}

async function fails(code: ErrorCode, promise: Promise<unknown>): Promise<void> {
  const error = await promise.then(
    () => assert.fail(`${code} was expected`),
    reason => reason,
  )
  if (!isIngotError(error, code)) throw error
}
