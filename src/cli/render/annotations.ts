import { ANNOTATION_OF, type AnnotationField } from '../../drain/model/managed.ts';
import type { ManagedField } from '../../drain/model/workload.ts';

export function isAnnotationField(field: ManagedField): field is AnnotationField {
  return Object.hasOwn(ANNOTATION_OF, field);
}
