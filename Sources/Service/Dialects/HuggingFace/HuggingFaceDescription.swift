extension APIDescription {
    static let huggingFace = APIDescription(
        paths: [
            task("/", "huggingface_classify", labels, #"[{"label": "espresso", "score": 0.99585694}]"#),
            task("/models/{model}", "huggingface_classify_model", labels, nil),
            task("/pipeline/image-classification/{model}", "huggingface_classify_pipeline", labels, nil),
            task("/pipeline/image-feature-extraction/{model}", "huggingface_embed", rows, "[[0.0, 0.7421, 0.0319]]"),
            task("/pipeline/feature-extraction/{model}", "huggingface_embed_pipeline", rows, nil),
            task("/models/{model}/pipeline/feature-extraction", "huggingface_embed_model", rows, nil),
        ].joined(separator: ",\n"),
        responses: #"""
            "HuggingFaceError": {
              "description": "What was wrong and what to do.",
              "content": {
                "application/json": {"schema": {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}},
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
              }
            }
            """#)

    private static let labels = #"""
        {"type": "array", "description": "Best first; of a list of images a list for each.", "items": {"anyOf": [{"type": "object", "required": ["label", "score"]}, {"type": "array"}]}}
        """#
    private static let rows = #"""
        {"type": "array", "description": "A row an image.", "items": {"type": "array", "items": {"type": "number"}}}
        """#

    private static func task(_ path: String, _ id: String, _ schema: String, _ example: String?) -> String {
        let parameters =
            path.contains("{model}") ? #"{"name": "model", "in": "path", "required": true, "schema": {"type": "string"}}, "# : ""
        let example = example.map { ", \"example\": \($0)" } ?? ""
        return #"""
            "\#(path)": {
              "post": {
                "operationId": "\#(id)",
                "summary": "Hugging Face: \#(schema == labels ? "the best labels of an image, or of several" : "the features of an image, or of several").",
                "description": "The body is an image's bytes or JSON: the bytes tell which. 'inputs' is an image in base64 or as a data: URL, or a list of those; the server fetches no URLs.",
                "parameters": [\#(parameters){"$ref": "#/components/parameters/X-Deadline-Ms"}],
                "requestBody": {
                  "required": true,
                  "content": {
                    "application/json": {
                      "schema": {
                        "type": "object",
                        "required": ["inputs"],
                        "properties": {
                          "inputs": {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]},
                          "parameters": {
                            "type": "object",
                            "properties": {
                              "top_k": {"type": "integer", "minimum": 1, "default": 5},
                              "function_to_apply": {"type": "string", "enum": ["softmax", "sigmoid", "none"]},
                              "normalize": {"type": "boolean", "default": false}
                            }
                          }
                        }
                      },
                      "example": {"inputs": "/9j/4AAQSkZJRg==", "parameters": {"top_k": 3}}
                    },
                    "image/*": {"schema": {}},
                    "application/octet-stream": {"schema": {}}
                  }
                },
                "responses": {
                  "200": {"description": "In the images' order.", "content": {"application/json": {"schema": \#(schema)\#(example)}}},
                  \#(refusals("HuggingFaceError"))
                }
              }
            }
            """#
    }
}
