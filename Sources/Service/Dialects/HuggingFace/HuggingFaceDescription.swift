extension APIDescription {
    private static func task(_ path: String, _ operation: String, _ summary: String, _ answer: String) -> String {
        let model =
            path.contains("{")
            ? ##""parameters": [{"name": "model", "in": "path", "required": true, "schema": {"type": "string"}}], "## : ""
        return ##"""
            "\##(path)": {
              "post": {
                "operationId": "\##(operation)",
                "summary": "\##(summary)",
                \##(model)"requestBody": {
                  "required": true,
                  "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/HuggingFaceRequest"}},
                    "image/*": {"schema": {}},
                    "application/octet-stream": {"schema": {}}
                  }
                },
                "responses": {
                  "200": {"description": "Best first; of a list a list each.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/\##(answer)"}}}},
                  \##(refusals("Error"))
                }
              }
            }
            """##
    }

    static let huggingFace = APIDescription(
        paths: [
            task(
                "/", "imageClassification", "The labels of an image, as Hugging Face's API gives them, by the first model.",
                "HuggingFaceLabels"),
            task("/models/{model}", "modelImageClassification", "The same by a model.", "HuggingFaceLabels"),
            task("/pipeline/image-classification/{model}", "pipelineImageClassification", "The same.", "HuggingFaceLabels"),
            task(
                "/pipeline/image-feature-extraction/{model}", "imageFeatureExtraction", "The features of images, a row each.",
                "HuggingFaceFeatures"),
            task("/pipeline/feature-extraction/{model}", "featureExtraction", "The same.", "HuggingFaceFeatures"),
        ].joined(separator: ",\n"),
        schemas: ##"""
            "HuggingFaceRequest": {
              "type": "object",
              "required": ["inputs"],
              "properties": {
                "inputs": {"description": "An image in base64, perhaps as a data: URL; or a list of them.", "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
                "parameters": {
                  "type": ["object", "null"],
                  "properties": {"top_k": {"type": ["integer", "null"], "minimum": 1}, "function_to_apply": {"enum": ["softmax", "sigmoid", "none", null]}, "normalize": {"type": ["boolean", "null"]}}
                }
              }
            },
            "HuggingFaceLabel": {"type": "object", "required": ["label", "score"], "properties": {"label": {"type": "string"}, "score": {"type": "number"}}},
            "HuggingFaceLabels": {
              "type": "array",
              "items": {"anyOf": [{"$ref": "#/components/schemas/HuggingFaceLabel"}, {"type": "array", "items": {"$ref": "#/components/schemas/HuggingFaceLabel"}}]}
            },
            "HuggingFaceFeatures": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
            """##)
}
