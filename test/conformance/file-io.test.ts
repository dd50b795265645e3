import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createLocalFileIO } from '../../src/storage/local-file-io.ts'
import { createMemoryFileIO } from '../../src/storage/memory-file-io.ts'
import { MOTO } from '../support/s3-server.ts'
import { checkFileIO } from './file-io.ts'
import { checkS3FileIO } from './s3-file-io.ts'

checkFileIO('local', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ingot-file-io-'))
  const io = createLocalFileIO()
  return {
    io,
    root: `file://${folder}/lake`,
    async writeByEngine(location, bytes) {
      const path = io.toEnginePath(location)
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, bytes)
    },
    dispose: () => rm(folder, { recursive: true }),
  }
})

checkFileIO('memory', async () => {
  const io = createMemoryFileIO()
  return { io, root: 'file:///lake', writeByEngine: io.writeUnsynced, dispose: async () => undefined }
})

await checkS3FileIO(MOTO)
