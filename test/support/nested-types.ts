import type { NestedField, Type } from '../../src/format/types.ts'

// Types whose ids are yet to be given, every field of them optional.

export const field = (name: string, type: Type): NestedField => ({ id: 0, name, required: false, type })

export const struct = (...fields: NestedField[]): Type => ({ type: 'struct', fields })

export const list = (element: Type): Type => ({
  type: 'list',
  'element-id': 0,
  element,
  'element-required': false,
})

/** With texts as its keys. */
export const map = (value: Type): Type => ({
  type: 'map',
  'key-id': 0,
  key: 'string',
  'value-id': 0,
  value,
  'value-required': false,
})
