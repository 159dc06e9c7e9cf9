// What generators read and give: the part of a custom resource definition that they use.

/** path relative to the root -> content */
export type Outputs = Map<string, string>;

export interface Generator {
  readonly name: string;
  outputs(): Promise<Outputs>;
}

export interface ValidationRule {
  rule: string;
  message: string;
  messageExpression?: string;
  reason?: string;
  fieldPath?: string;
}

/** A structural schema of Kubernetes. */
export interface StructuralSchema {
  type: string;
  description?: string;
  default?: unknown;
  enum?: string[];
  format?: string;
  pattern?: string;
  properties?: Record<string, StructuralSchema>;
  items?: StructuralSchema;
  additionalProperties?: StructuralSchema;
  required?: string[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  maxProperties?: number;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: string;
  'x-kubernetes-validations'?: ValidationRule[];
}

export interface PrinterColumn {
  name: string;
  jsonPath: string;
  description?: string;
  priority?: number;
}

export interface CustomResourceDefinition {
  metadata: { name: string };
  spec: {
    group: string;
    scope: 'Cluster' | 'Namespaced';
    names: { kind: string; plural: string; shortNames?: string[] };
    versions: {
      name: string;
      storage: boolean;
      schema: { openAPIV3Schema: StructuralSchema };
      additionalPrinterColumns?: PrinterColumn[];
    }[];
  };
}

/** The schema of a field that must be there. */
export function propertyOf(schema: StructuralSchema, name: string): StructuralSchema {
  const found = schema.properties?.[name];
  if (found === undefined) {
    throw new Error(`the schema has no field ${name}`);
  }
  return found;
}
