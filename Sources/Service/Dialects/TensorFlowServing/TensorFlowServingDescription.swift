extension APIDescription {
    static let tensorFlowServing = APIDescription(
        paths: ([
            page(
                "/v1/models", "kserve_models", "KServe: which models are served.", #"{"type": "object", "required": ["models"]}"#,
                #"{"models": ["seresnet34.tiny_imagenet"]}"#, "")
        ]
            + [("", "", model), ("/versions/{version}", "_version", "\(model), \(version)")].flatMap { path, mark, parameters in
                [
                    page(
                        "/v1/models/{model}\(path)", "tensorflow_status\(mark)",
                        "TensorFlow Serving and KServe: whether a model can be asked.",
                        #"{"type": "object", "required": ["model_version_status", "name", "ready"]}"#,
                        #"""
                        {"model_version_status": [{"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}], "name": "seresnet34.tiny_imagenet", "ready": true}
                        """#, parameters),
                    page(
                        "/v1/models/{model}\(path)/metadata", "tensorflow_metadata\(mark)", "TensorFlow Serving: a model's signature.",
                        #"{"type": "object", "required": ["model_spec", "metadata"]}"#, nil, parameters),
                    inference(
                        "/v1/models/{model}\(path):predict", "tensorflow_predict\(mark)",
                        "TensorFlow Serving and KServe: the scores of all classes.",
                        #"""
                        {"type": "object", "properties": {"signature_name": {"type": "string", "enum": ["", "serving_default"]}, "instances": {"type": "array", "description": "A row an image: base64 as text or under b64, or numbers, normalised, (3, height, width) or (height, width, 3); perhaps in an object under a name.", "minItems": 1}, "inputs": {"description": "The same as a column: a list of images, perhaps under a name."}}}
                        """#,
                        #"{"instances": [{"b64": "/9j/4AAQSkZJRg=="}]}"#,
                        #"""
                        {"type": "object", "properties": {"predictions": {"type": "array", "description": "For instances.", "items": {"type": "array", "items": {"type": "number"}}}, "outputs": {"type": "array", "description": "For inputs.", "items": {"type": "array", "items": {"type": "number"}}}}}
                        """#, parameters),
                    inference(
                        "/v1/models/{model}\(path):classify", "tensorflow_classify\(mark)", "TensorFlow Serving: the five best labels.",
                        #"{"type": "object", "required": ["examples"], "properties": {"signature_name": {"type": "string"}, "examples": {"type": "array", "minItems": 1}}}"#,
                        #"{"examples": [{"image": {"b64": "/9j/4AAQSkZJRg=="}}]}"#,
                        #"{"type": "object", "required": ["result"], "properties": {"result": {"type": "array", "items": {"type": "array", "items": {"type": "array", "minItems": 2, "maxItems": 2}}}}}"#,
                        parameters),
                ]
            }).joined(separator: ",\n"))

    private static let model = #"{"name": "model", "in": "path", "required": true, "schema": {"type": "string"}}"#
    private static let version = #"{"name": "version", "in": "path", "required": true, "schema": {"type": "string"}}"#

    private static func page(_ path: String, _ id: String, _ summary: String, _ schema: String, _ example: String?, _ parameters: String)
        -> String
    {
        let example = example.map { ", \"example\": \($0)" } ?? ""
        let content = #""content": {"application/json": {"schema": \#(schema)\#(example)}}"#
        let refusals = [400, 401, 404, 429, 503].map { status in
            status == 503 && id.hasPrefix("tensorflow_status")
                ? ##""503": {"description": "Not now.", "content": {"application/json": {"schema": {"type": "object"}}}}"##
                : ##""\##(status)": {"$ref": "#/components/responses/Error"}"##
        }.joined(separator: ", ")
        return #"""
            "\#(path)": {
              "get": {
                "operationId": "\#(id)",
                "summary": "\#(summary)",
                "parameters": [\#(parameters)],
                "responses": {"200": {"description": "What there is to say.", \#(content)}, \#(refusals)}
              }
            }
            """#
    }

    private static func inference(
        _ path: String, _ id: String, _ summary: String, _ request: String, _ example: String, _ answer: String, _ parameters: String
    ) -> String {
        #"""
        "\#(path)": {
          "post": {
            "operationId": "\#(id)",
            "summary": "\#(summary)",
            "parameters": [\#(parameters), {"$ref": "#/components/parameters/X-Deadline-Ms"}, {"$ref": "#/components/parameters/X-Priority"}],
            "requestBody": {"required": true, "content": {"application/json": {"schema": \#(request), "example": \#(example)}}},
            "responses": {
              "200": {"description": "In the images' order.", "content": {"application/json": {"schema": \#(answer)}}},
              \#(refusals("Error"))
            }
          }
        }
        """#
    }
}
