import type { ManagedField } from '../../drain/model/workload.ts';
import { ANNOTATION_OF, type AnnotationField } from '../../drain/template/ownership.ts';

export function isAnnotationField(field: ManagedField): field is AnnotationField {
  return Object.hasOwn(ANNOTATION_OF, field);
}
